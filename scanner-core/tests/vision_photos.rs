//! Real photographs. A test set: nothing is tuned on them.

use std::path::PathBuf;

use scanner_core::vision::Scanner;

/// The folder of photographs, or a line that says why there is none.
fn photos(name: &str) -> Option<Vec<(PathBuf, Option<String>)>> {
    let shared =
        std::env::var_os("TRACETWIN_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("photos").join(name);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no photographs in {} (set TRACETWIN_SHARED)", folder.display());
        return None;
    };
    let mut pictures: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "png")).collect();
    pictures.sort();
    Some(pictures.into_iter().map(|p| (p.clone(), std::fs::read_to_string(p.with_extension("txt")).ok())).collect())
}

/// (read, pictures, texts that are not the expected one).
fn tally(name: &str) -> Option<(usize, usize, Vec<String>)> {
    let scanner = Scanner::default();
    let (mut read, mut wrong) = (0, Vec::new());
    let pictures = photos(name)?;
    for (path, expected) in &pictures {
        let result = scanner.scan_image(&image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        let wanted = expected.as_deref().map(str::trim_end);
        // FNC1 is part of a symbol's text here, but not of the expected texts.
        let texts: Vec<String> = result.readings.iter().map(|r| r.text.replace('\u{1d}', "")).collect();
        if texts.iter().any(|t| Some(t.as_str()) == wanted) {
            read += 1;
        } else {
            println!("{}: not read; {:?}", path.display(), result.unread.iter().map(|u| u.reason).collect::<Vec<_>>());
        }
        wrong.extend(texts.into_iter().filter(|t| Some(t.as_str()) != wanted).map(|t| format!("{}: {t}", path.display())));
    }
    println!("{name}: {read} of {}", pictures.len());
    Some((read, pictures.len(), wrong))
}

#[test]
fn code_128_on_photographs() {
    let mut total = (0, 0);
    for name in ["code128-1", "code128-2", "code128-3"] {
        let Some((read, pictures, wrong)) = tally(name) else { return };
        assert!(wrong.is_empty(), "misread: {wrong:?}");
        total = (total.0 + read, total.1 + pictures);
    }
    assert_eq!(total.1, 48);
    assert_eq!(total.0, 48);
}

#[test]
fn nothing_is_read_where_nothing_is() {
    let Some((_, pictures, wrong)) = tally("falsepositives-2") else { return };
    assert_eq!(pictures, 25);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn data_matrix_on_photographs() {
    for name in ["datamatrix-2", "datamatrix-3"] {
        let Some((_, pictures, wrong)) = tally(name) else { return };
        assert_eq!(pictures, 18);
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
