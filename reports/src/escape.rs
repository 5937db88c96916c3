//! Making foreign text harmless wherever it is put.

/// `text` with what cannot be seen made visible: control characters as their Unicode pictures (GS as ␝, ESC as ␛), characters that reorder what
/// stands around them and those that XML forbids as U+FFFD.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// For HTML and XML, in text and between either kind of quotes.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// For a cell of a Markdown table (GitHub's dialect): neither markup nor HTML, and never the cell's end.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '#' | '!' | '@' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unseen_characters_become_visible() {
        assert_eq!(printable("\u{1d}01\u{1b}[31m\u{7f}"), "␝01␛[31m␡");
        assert_eq!(printable("a\u{202e}b\u{9b}\u{ffff}"), "a\u{fffd}b\u{fffd}\u{fffd}");
        assert_eq!(printable("阿莫西林胶囊 0.25 g"), "阿莫西林胶囊 0.25 g");
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(xml(r#"<script>'&"</script>"#), "&lt;script&gt;&#39;&amp;&quot;&lt;/script&gt;");
        assert_eq!(markdown("a|b`c`<i>*_"), "a\\|b\\`c\\`&lt;i&gt;\\*\\_");
    }

    proptest! {
        #[test]
        fn an_xml_parser_gives_back_what_was_escaped(text in any::<String>()) {
            let escaped = xml(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            prop_assert_eq!(quick_xml::escape::unescape(&escaped).unwrap(), printable(&text));
        }
    }
}
