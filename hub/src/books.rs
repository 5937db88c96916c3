//! The platform's own books.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::signature::Signatures;
use crate::tables;

/// What kind of platform it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// Whether a message that was received before is answered as it was then, and not booked again.
    pub recognises_repeats: bool,
    /// Whether it is the variant that takes sales in batches (3505A with `selinfoDetail`), wants times without a space and says
    /// `result.retRslt` besides.
    pub batched: bool,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// Something that is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Booking {
    /// The request.
    pub infno: String,
    /// The message that brought it.
    pub msgid: String,
    /// The sender's own number of it (`rtal_docno`), of a sale or a return.
    pub docno: Option<String>,
    /// The sale that is returned.
    pub original: Option<String>,
    /// The codes.
    pub codes: Vec<String>,
    /// How many, as it was written.
    pub count: String,
    /// When it happened, as it was written.
    pub time: String,
    /// Whether it was of an opened pack.
    pub split: bool,
    /// Whether it was returned or deleted since.
    pub undone: bool,
    /// When it arrived, by the platform's clock.
    pub received_at: u64,
}

/// A sale of a code that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// The code.
    pub code: String,
    /// The sale that stands.
    pub holder: String,
    /// The sale that was refused.
    pub refused: String,
}

/// The platform.
#[derive(Debug)]
pub struct Platform {
    kind: Kind,
    signatures: Option<Signatures>,
    bookings: Vec<Booking>,
    /// Sales that stand, by code: index of the booking.
    sold: BTreeMap<String, Vec<usize>>,
    by_docno: BTreeMap<String, usize>,
    answers: BTreeMap<String, Answer>,
    alerts: Vec<Alert>,
    refused: u64,
    repeated: u64,
}

struct No {
    code: &'static str,
    message: String,
    holder: Option<String>,
}

fn no(code: &'static str, message: impl Into<String>) -> No {
    No { code, message: message.into(), holder: None }
}

impl Platform {
    /// A platform with empty books.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            signatures: None,
            bookings: Vec::new(),
            sold: BTreeMap::new(),
            by_docno: BTreeMap::new(),
            answers: BTreeMap::new(),
            alerts: Vec::new(),
            refused: 0,
            repeated: 0,
        }
    }

    /// The same platform, where requests must be signed.
    #[must_use]
    pub fn with_signatures(self, signatures: Signatures) -> Self {
        Self { signatures: Some(signatures), ..self }
    }

    /// Everything that was booked, in order of arrival.
    pub fn bookings(&self) -> &[Booking] {
        &self.bookings
    }

    /// Sales of codes that were sold, under another number than the sale that stands.
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// Requests that were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Messages that were recognised as received before.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Whether a sale or return of this number is in the books.
    pub fn has(&self, docno: &str) -> bool {
        self.by_docno.contains_key(docno)
    }

    /// One request at `now`, nanoseconds since 1970 by the platform's own clock.
    pub fn receive(&mut self, body: &[u8], now: u64) -> Answer {
        let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
            self.refused += 1;
            return Answer { status: 400, body: "the body is no JSON object".into() };
        };
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let msgid = text("msgid");
        // Before anything else is done for whoever this is.
        if let Some(what) = self.signatures.as_ref().and_then(|signatures| signatures.fault(&request)) {
            self.refused += 1;
            let body = json!({ "infcode": "-3", "inf_refmsgid": msgid, "err_msg": what, "output": {} });
            return Answer { status: 200, body: body.to_string() };
        }
        if self.kind.recognises_repeats
            && let Some(answer) = self.answers.get(&msgid)
        {
            self.repeated += 1;
            return answer.clone();
        }
        let outcome = self.book(&request, &text("infno"), &msgid, now);
        let (code, message, holder) = match &outcome {
            Ok(()) => ("0", String::new(), None),
            Err(no) => {
                self.refused += 1;
                (no.code, no.message.clone(), no.holder.clone())
            }
        };
        let mut output = Map::new();
        if self.kind.batched {
            output.insert("result".into(), json!({ "retRslt": if outcome.is_ok() { "1" } else { "0" } }));
        }
        if let Some(holder) = holder {
            output.insert("rtal_docno".into(), holder.into());
        }
        let body = json!({
            "infcode": code,
            "inf_refmsgid": msgid,
            "refmsg_time": now.to_string(),
            "respond_time": now.to_string(),
            "err_msg": message,
            "output": output,
        });
        let answer = Answer { status: 200, body: body.to_string() };
        if outcome.is_ok() {
            self.answers.insert(msgid, answer.clone());
        }
        answer
    }

    fn book(&mut self, request: &Map<String, Value>, infno: &str, msgid: &str, now: u64) -> Result<(), No> {
        let bad = |what: String| no("-1", what);
        let mut envelope = request.clone();
        let input = envelope.remove("input");
        if let Some(what) = tables::fault(&envelope, tables::ENVELOPE, true) {
            return Err(bad(what));
        }
        let institution = request.get("fixmedins_code").and_then(Value::as_str).unwrap_or_default();
        if !msgid.starts_with(institution) || !msgid[institution.len()..].bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("msgid: institution, time and number are wanted".into()));
        }
        if !tables::is_time(request.get("inf_time").and_then(Value::as_str).unwrap_or_default(), true) {
            return Err(bad("inf_time: no time".into()));
        }
        let (node, table) = tables::request(infno).ok_or_else(|| bad(format!("infno: '{infno}' is not known here")))?;
        if (infno == "3505A") != (self.kind.batched && matches!(infno, "3505" | "3505A")) {
            return Err(bad(format!("infno: '{infno}' is not known here")));
        }
        let input = input.as_ref().and_then(Value::as_object).ok_or_else(|| bad("input: missing".into()))?;
        let only = |object: &Map<String, Value>, name: &str| object.len() == 1 && object.contains_key(name);
        if !only(input, node) {
            return Err(bad(format!("input: exactly {node} is wanted")));
        }
        let details: Vec<&Value> = if infno == "3505A" {
            let list = input[node]
                .as_object()
                .filter(|object| only(object, "selinfoDetail"))
                .and_then(|object| object["selinfoDetail"].as_array());
            list.filter(|list| !list.is_empty()).ok_or_else(|| bad("selinfoDetail: a list is wanted".into()))?.iter().collect()
        } else {
            vec![&input[node]]
        };
        let mut bookings: Vec<Booking> = Vec::new();
        for detail in details {
            let detail = detail.as_object().ok_or_else(|| bad(format!("{node}: an object is wanted")))?;
            if let Some(what) = tables::fault(detail, &table, !self.kind.batched) {
                return Err(bad(what));
            }
            let booking = booking(infno, msgid, detail, now);
            let twice = |other: &Booking| other.codes.iter().any(|code| booking.codes.contains(code)) && !(booking.split && other.split);
            if bookings.iter().any(twice) {
                return Err(bad("drugtracinfo: a code twice in one message".into()));
            }
            self.check(&booking)?;
            bookings.push(booking);
        }
        bookings.into_iter().for_each(|booking| self.enter(booking));
        Ok(())
    }

    /// Whether the books admit it.
    fn check(&mut self, booking: &Booking) -> Result<(), No> {
        match booking.infno.as_str() {
            "3505" | "3505A" => {
                let docno = booking.docno.clone().unwrap_or_default();
                for code in &booking.codes {
                    let standing = self.sold.get(code).into_iter().flatten().map(|&i| &self.bookings[i]);
                    // An opened pack is sold piece by piece; a closed one once.
                    let Some(holder) = standing.clone().find(|other| !(other.split && booking.split)) else { continue };
                    let holder = holder.docno.clone().unwrap_or_default();
                    if holder != docno {
                        self.alerts.push(Alert { code: code.clone(), holder: holder.clone(), refused: docno });
                    }
                    return Err(No { code: "3505E2", message: format!("code {code} is sold"), holder: Some(holder) });
                }
                Ok(())
            }
            "3506" => {
                let original = booking.original.clone().unwrap_or_default();
                let sale = self.by_docno.get(&original).map(|&i| &self.bookings[i]);
                match sale {
                    None => Err(no("3506E1", format!("no sale {original}"))),
                    Some(sale) if sale.undone => Err(no("3506E2", format!("sale {original} was returned"))),
                    Some(sale) if sale.codes != booking.codes => Err(no("3506E3", format!("sale {original} is of other codes"))),
                    Some(_) => Ok(()),
                }
            }
            "3507" => {
                let original = booking.original.clone().unwrap_or_default();
                match self.by_docno.get(&original).map(|&i| &self.bookings[i]) {
                    Some(entry) if !entry.undone => Ok(()),
                    _ => Err(no("3507E1", format!("no entry {original}"))),
                }
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, booking: Booking) {
        let index = self.bookings.len();
        match booking.infno.as_str() {
            "3505" | "3505A" => {
                for code in &booking.codes {
                    self.sold.entry(code.clone()).or_default().push(index);
                }
            }
            _ => {
                if let Some(&original) = booking.original.as_ref().and_then(|original| self.by_docno.get(original)) {
                    self.bookings[original].undone = true;
                    for code in &self.bookings[original].codes {
                        if let Some(standing) = self.sold.get_mut(code) {
                            standing.retain(|&i| i != original);
                        }
                    }
                }
            }
        }
        if let Some(docno) = &booking.docno {
            self.by_docno.entry(docno.clone()).or_insert(index);
        }
        self.bookings.push(booking);
    }
}

fn booking(infno: &str, msgid: &str, detail: &Map<String, Value>, now: u64) -> Booking {
    let text = |name: &str| match detail.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let first = |names: &[&str]| names.iter().find_map(|name| text(name)).unwrap_or_default();
    let codes = detail.get("drugtracinfo").and_then(Value::as_array).into_iter().flatten();
    Booking {
        infno: infno.into(),
        msgid: msgid.into(),
        docno: text("rtal_docno"),
        original: text("medins_prod_sel_no"),
        codes: codes.filter_map(|code| code["drug_trac_codg"].as_str().map(str::to_owned)).collect(),
        count: first(&["sel_retn_cnt", "inv_cnt", "cnt", "purc_retn_cnt"]),
        time: first(&["sel_retn_time", "invdate", "inv_chg_time", "purc_retn_stoin_time"]),
        split: text("trdn_flag").as_deref() == Some("1"),
        undone: false,
        received_at: now,
    }
}
