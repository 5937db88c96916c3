//! From an entry of the outbox to the text that goes out.

use hardware_hal::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::dialect::{Dialect, RequestForm, Signature, SignatureMethod};
use super::sm3::{hmac_sm3, sm3};
use crate::date::{Date, civil};
use crate::pool::{Claim, Institution, OutboxEntry, UploadKind};

/// What the envelope says beside the institution. Lengths as in the interface; the values come from the insurance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// Region of the insured (`insuplc_admdvs`); the institution's if empty.
    pub insured_region: String,
    /// `recer_sys_code`.
    pub recer_sys_code: String,
    /// `dev_no`.
    pub dev_no: String,
    /// `dev_safe_info`.
    pub dev_safe_info: String,
    /// `cainfo`.
    pub cainfo: String,
    /// `infver`.
    pub infver: String,
    /// `opter_type`: 1 operator, 2 kiosk, 3 mobile.
    pub opter_type: String,
    /// `opter`.
    pub opter: String,
    /// `opter_name`.
    pub opter_name: String,
    /// `sign_no`, from signing in.
    pub sign_no: String,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            insured_region: String::new(),
            recer_sys_code: "FSI_LOCAL".into(),
            dev_no: String::new(),
            dev_safe_info: String::new(),
            cainfo: String::new(),
            infver: "V1.0".into(),
            opter_type: "1".into(),
            opter: "tracetwin".into(),
            opter_name: "tracetwin".into(),
            sign_no: String::new(),
        }
    }
}

/// Signs requests. Implementations hold secrets, so they show nothing of themselves.
pub trait Signer: Send {
    /// What goes into `signtype`, `SM3` for instance; empty for none.
    fn kind(&self) -> &str;
    /// The signature over the request's text (see [`super::Signature`]). It goes into `cainfo`.
    fn sign(&self, text: &str) -> String;
}

/// No signature, for the loopback.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsigned;

impl Signer for Unsigned {
    fn kind(&self) -> &str {
        ""
    }

    fn sign(&self, _: &str) -> String {
        String::new()
    }
}

/// Signs with SM3 and a secret that the institution shares with the platform.
pub struct Sm3Signer {
    signature: Signature,
    secret: Vec<u8>,
}

impl Sm3Signer {
    /// A signer with a secret.
    pub fn new(signature: Signature, secret: impl Into<Vec<u8>>) -> Self {
        Self { signature, secret: secret.into() }
    }
}

impl Signer for Sm3Signer {
    fn kind(&self) -> &str {
        "SM3"
    }

    fn sign(&self, text: &str) -> String {
        let hash = match self.signature.method {
            SignatureMethod::HmacSm3 => hmac_sm3(&self.secret, text.as_bytes()),
            SignatureMethod::Sm3Appended => sm3(&[text.as_bytes(), &self.secret]),
        };
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// JSON without blanks, names in the order of their bytes, whatever order they are kept in.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let sorted: std::collections::BTreeMap<&String, &Value> = object.iter().collect();
            let members: Vec<String> = sorted.iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// Why an entry cannot be put into words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsayable {
    /// The dialect has no such request.
    #[error("the dialect has no request for {}", .0.as_str())]
    NoRequest(UploadKind),
    /// Something is missing that the platform asks for.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// A request in words: its number, its path, its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worded {
    /// The request's number.
    pub infno: String,
    /// Path below the platform's address.
    pub path: String,
    /// The body, JSON.
    pub body: String,
}

/// Everything that the words depend on beside the entries.
pub struct Voice<'v> {
    /// The dialect.
    pub dialect: &'v Dialect,
    /// The site.
    pub site: &'v Site,
    /// Whose pool it is.
    pub institution: &'v Institution,
    /// Minutes that clocks there are ahead of UTC.
    pub utc_offset_minutes: i32,
}

impl Voice<'_> {
    /// The request for a claim, as it is said at `now`.
    ///
    /// # Errors
    /// [`Unsayable`]: sending it would be refused.
    pub fn word(&self, claim: &Claim, signer: &dyn Signer, now: Timestamp) -> Result<Worded, Unsayable> {
        let kind = claim.entries.first().map_or(UploadKind::Sale, |entry| entry.kind);
        let form = self.dialect.requests.get(&kind).ok_or(Unsayable::NoRequest(kind))?;
        let mut details = claim.entries.iter().map(|entry| self.fields(entry, form)).collect::<Result<Vec<_>, _>>()?;
        let node = match &form.list {
            Some(list) => json!({ list: details }),
            None => details.pop().unwrap_or(Value::Null),
        };
        let (site, institution) = (self.site, self.institution);
        let insured = if site.insured_region.is_empty() { &institution.region } else { &site.insured_region };
        let mut envelope = json!({
            "infno": form.infno,
            "msgid": claim.message_id,
            "mdtrtarea_admvs": institution.region,
            "insuplc_admdvs": insured,
            "recer_sys_code": site.recer_sys_code,
            "dev_no": site.dev_no,
            "dev_safe_info": site.dev_safe_info,
            "cainfo": site.cainfo,
            "signtype": signer.kind(),
            "infver": site.infver,
            "opter_type": site.opter_type,
            "opter": site.opter,
            "opter_name": site.opter_name,
            // The envelope's own time is written one way everywhere; the variants differ inside.
            "inf_time": self.time(now, "%Y-%m-%d %H:%M:%S"),
            "fixmedins_code": institution.code,
            "fixmedins_name": institution.name,
            "sign_no": site.sign_no,
            "input": { &form.node: node },
        });
        if !signer.kind().is_empty()
            && let Some(fields) = envelope.as_object_mut()
        {
            fields.remove("cainfo");
            let signature = signer.sign(&canonical(&envelope));
            envelope["cainfo"] = signature.into();
        }
        let path = form.path.clone().unwrap_or_else(|| format!("/{}", form.infno));
        Ok(Worded { infno: form.infno.clone(), path, body: envelope.to_string() })
    }

    fn fields(&self, entry: &OutboxEntry, form: &RequestForm) -> Result<Value, Unsayable> {
        let record = &entry.record;
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            if !form.omit.iter().any(|omitted| omitted == name) {
                fields.insert(form.rename.get(name).map_or(name, String::as_str).to_owned(), value);
            }
        };
        let at = self.time(entry.at, &self.dialect.time_format);
        let default = |name: &str| self.dialect.defaults.get(name).cloned().map(Value::from);
        if entry.kind == UploadKind::Delete {
            put("medins_prod_sel_no", record.original.clone().ok_or(Unsayable::Missing("the entry to delete"))?.into());
            put("memo", record.cause.chars().take(500).collect::<String>().into());
            return Ok(fields.into());
        }
        put("med_list_codg", record.med_list_codg.clone().ok_or(Unsayable::Missing("med_list_codg of the product"))?.into());
        put("fixmedins_hilist_id", record.product.clone().into());
        put("fixmedins_hilist_name", record.name.clone().into());
        put("fixmedins_bchno", record.batch.clone().into());
        put("manu_lotnum", record.batch.clone().into());
        put("manu_date", self.day(record.made.ok_or(Unsayable::Missing("the day of manufacture"))?).into());
        put("expy_end", self.day(record.expiry).into());
        put("drugtracinfo", record.codes.iter().map(|code| json!({ "drug_trac_codg": code })).collect());
        let trdn_flag = if record.split { "1" } else { "0" };
        match entry.kind {
            UploadKind::Sale | UploadKind::SaleReturn => {
                let settlement = record.settlement.as_ref().ok_or(Unsayable::Missing("the settlement"))?;
                let said = serde_json::to_value(settlement).unwrap_or_default();
                for (name, value) in said.as_object().into_iter().flatten() {
                    put(name, value.clone());
                }
                let personal = entry.personal.as_ref().and_then(|personal| serde_json::to_value(personal).ok());
                for (name, value) in personal.iter().filter_map(Value::as_object).flatten() {
                    put(name, value.clone());
                }
                put("trdn_flag", trdn_flag.into());
                put("rtal_docno", entry.event_id.clone().into());
                put("sel_retn_cnt", record.pieces.into());
                put("sel_retn_time", at.into());
                put("sel_retn_opter_name", record.actor.clone().into());
                if entry.kind == UploadKind::SaleReturn {
                    put("medins_prod_sel_no", record.original.clone().ok_or(Unsayable::Missing("the sale that is returned"))?.into());
                }
            }
            UploadKind::Stocktake => {
                put("invdate", self.day(civil(entry.at, self.utc_offset_minutes).0).into());
                put("inv_cnt", record.pieces.into());
            }
            UploadKind::StockChange => {
                put("cnt", record.pieces.into());
                let by_reason = record.reason.and_then(|reason| self.dialect.write_offs.get(&reason).cloned()).map(Value::from);
                put("inv_chg_type", by_reason.or(default("inv_chg_type")).unwrap_or_else(|| "105".into()));
                put("inv_chg_time", at.into());
                put("inv_chg_opter_name", record.actor.clone().into());
                put("trdn_flag", trdn_flag.into());
            }
            UploadKind::Purchase | UploadKind::SupplierReturn => {
                let said = record.delivery.as_ref().ok_or(Unsayable::Missing("the delivery note"))?;
                let said = serde_json::to_value(said).unwrap_or_default();
                for (name, value) in said.as_object().into_iter().flatten() {
                    put(name, value.clone());
                }
                put("purc_retn_cnt", record.pieces.into());
                put("purc_retn_stoin_time", at.into());
                put("purc_retn_opter_name", record.actor.clone().into());
            }
            UploadKind::Delete => {}
        }
        for (name, value) in &self.dialect.defaults {
            // Only what this request has room for.
            let wanted = match name.as_str() {
                "rx_flag" => record.settlement.is_none(),
                "inv_chg_type" => false,
                _ => true,
            };
            if wanted {
                put(name, value.clone().into());
            }
        }
        Ok(fields.into())
    }

    fn time(&self, at: Timestamp, format: &str) -> String {
        let (date, [hour, minute, second]) = civil(at, self.utc_offset_minutes);
        format_day(date, format)
            .replace("%H", &format!("{hour:02}"))
            .replace("%M", &format!("{minute:02}"))
            .replace("%S", &format!("{second:02}"))
    }

    fn day(&self, date: Date) -> String {
        format_day(date, &self.dialect.date_format)
    }
}

fn format_day(date: Date, format: &str) -> String {
    format
        .replace("%Y", &format!("{:04}", date.year()))
        .replace("%m", &format!("{:02}", date.month()))
        .replace("%d", &format!("{:02}", date.day()))
}
