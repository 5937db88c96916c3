//! `tracetwin pool` and `tracetwin verify` as a person at the keyboard meets them: what is printed, and the exit codes 0 held, 1 refused by a rule, 2 bad
//! input, 3 environment.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const PRODUCTS: &str = r#"
schema_version = 1

[[products]]
id = "amoxicillin-24"
names = { generic = "阿莫西林胶囊" }
code_prefixes = [{ prefix = "8123456", level = "smallest_pack" }, { prefix = "8123457", level = "outer_carton" }]
pack_quantity = 24
unit = "capsule"
med_list_codg = "XJ01CAA"

[[products]]
id = "tinidazole-10"
names = { generic = "替硝唑片" }
code_prefixes = [{ prefix = "8222222", level = "smallest_pack" }]
pack_quantity = 10
unit = "tablet"
"#;

fn amoxicillin(serial: u32) -> String {
    format!("8123456{serial:09}0000")
}

/// A folder with a pool in it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self::empty();
        let products = desk.file("products.toml", PRODUCTS);
        desk.held(&["pool", "init", "--products", products.to_str().expect("a path")]);
        desk
    }

    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("pool.db")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tracetwin"))
            .args(arguments)
            .arg("--json")
            .env("TRACETWIN_STORE", self.store())
            .env("TRACETWIN_ACTOR", "li")
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        let _ = child.stdin.take().expect("standard input").write_all(input.as_bytes());
        child.wait_with_output().expect("the command ends")
    }

    #[track_caller]
    fn ends(&self, code: i32, arguments: &[&str], input: &str) -> Value {
        let output = self.run(arguments, input);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        assert!(code == 0 || !err.trim().is_empty(), "a failure says something on standard error");
        out.lines().last().map_or(Value::Null, |line| serde_json::from_str(line).expect("JSON on standard output"))
    }

    #[track_caller]
    fn held(&self, arguments: &[&str]) -> Value {
        self.ends(0, arguments, "")
    }

    /// Refused by this rule.
    #[track_caller]
    fn refused(&self, rule: &str, arguments: &[&str]) {
        let value = self.ends(1, arguments, "");
        assert_eq!(value["refused"]["rule"], rule, "{value}");
    }

    /// Three packs in stock.
    fn stocked() -> Self {
        let desk = Self::new();
        let codes: Vec<String> = (1..=3).map(amoxicillin).collect();
        let list = desk.file("codes.txt", &codes.join("\n"));
        let value = desk.held(&[
            "pool",
            "register",
            "--product",
            "amoxicillin-24",
            "--batch",
            "A1",
            "--expiry",
            "2099-12-31",
            "--made",
            "2026-01-31",
            "--receive",
            "--codes",
            list.to_str().expect("a path"),
        ]);
        assert_eq!(value, json!({ "added": 3, "unchanged": 0, "received": 3 }));
        desk
    }
}

#[test]
fn a_pack_goes_from_registration_to_its_return() {
    let desk = Desk::stocked();
    let code = amoxicillin(1);
    let value = desk.held(&["pool", "reserve", "--order", "o1", "--line", "amoxicillin-24=1", &code]);
    assert_eq!(value["outcomes"][0]["result"]["Ok"]["quantity"], 24);
    assert_eq!(value["progress"], json!([{ "wanted": 24, "held": 24, "sold": 0 }]));
    let sold = desk.held(&["pool", "dispense", "o1"]);
    assert_eq!((&sold["sold"][0]["code"], &sold["sold"][0]["batch"]), (&json!(code), &json!("A1")));
    let history = desk.held(&["pool", "history", &code]);
    let kinds: Vec<&str> = history.as_array().expect("entries").iter().map(|e| e["kind"].as_str().expect("a word")).collect();
    assert_eq!(kinds, ["register", "receive", "reserve", "dispense"]);
    assert!(history.as_array().expect("entries").iter().all(|e| e["actor"] == "li"));
    desk.held(&["pool", "return", "o1", &code, "--dispensing-error"]);
    desk.held(&["pool", "restock", &code]);
    desk.held(&["pool", "quarantine", &amoxicillin(3)]);
    desk.held(&["pool", "reserve", "--order", "o2", "--line", "amoxicillin-24=7:pieces"]);
    assert_eq!(desk.held(&["pool", "release", "o2"])["released"][0]["quantity"], 7);
    let status = desk.held(&["pool", "status"]);
    let rows: Vec<(&str, u64)> = status["stock"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|r| (r["state"].as_str().expect("a word"), r["units"].as_u64().expect("a count")))
        .collect();
    assert_eq!(rows, [("available", 2), ("quarantined", 1)]);
    assert_eq!(desk.held(&["pool", "verify"])["ledger_hash"].as_str().expect("a hash").len(), 64);
    let kpi = desk.held(&["pool", "kpi"]);
    assert_eq!(
        (&kpi["sales"], &kpi["upload_rate"], &kpi["dispensing_errors"], &kpi["days"]),
        (&json!(1), &json!(0.0), &json!(1), &json!(1))
    );
    let exported = desk.held(&["pool", "export"]);
    assert_eq!(exported["type"], "EPCISDocument");
}

#[test]
fn refusals_name_their_rule_and_end_with_1() {
    let desk = Desk::stocked();
    desk.refused("unknown_product", &["pool", "register", "--product", "x", "--batch", "b", "--expiry", "2099-01-31", &amoxicillin(9)]);
    desk.refused(
        "contradicts_code",
        &["pool", "register", "--product", "tinidazole-10", "--batch", "b", "--expiry", "2099-01-31", &amoxicillin(9)],
    );
    desk.refused("wrong_state", &["pool", "receive", &amoxicillin(1)]);
    desk.refused("insufficient_stock", &["pool", "reserve", "--order", "o1", "--line", "amoxicillin-24=4"]);
    desk.refused("nothing_reserved", &["pool", "dispense", "o1"]);
    desk.refused("nothing_reserved", &["pool", "release", "o1"]);
    desk.refused("no_sale_to_return", &["pool", "return", "o1", &amoxicillin(1)]);
    desk.refused("code_needed", &["pool", "reserve", "--order", "o1", "--line", "amoxicillin-24=1", "--uncoded"]);
    desk.refused("not_open_for_verdict", &["pool", "reconcile", "no-such-event", "done", "--actor", "li"]);
    desk.refused(
        "uncoded_stock_off",
        &["pool", "lot", "--product", "amoxicillin-24", "--batch", "b", "--expiry", "2099-01-31", "--pieces", "5"],
    );
    // Codes that are refused one by one are all in the answer.
    let value = desk.ends(1, &["pool", "reserve", "--order", "o1", "--line", "tinidazole-10=1", &amoxicillin(1), "69012345678"], "");
    assert_eq!(value["outcomes"][0]["result"]["Err"]["rule"], "other_drug");
    assert_eq!(value["outcomes"][1]["result"]["Err"]["rule"], "unknown");
    let kpi = desk.held(&["pool", "kpi"]);
    assert_eq!((&kpi["refusals"]["other_drug"], &kpi["errors_caught"]), (&json!(1), &json!(1)));
    let journal = desk.held(&["pool", "journal", "--limit", "1"]);
    assert_eq!(
        (&journal[0]["kind"], &journal[0]["subject"], &journal[0]["actor"]),
        (&json!("refusal"), &json!("unknown_product"), &json!("li"))
    );
}

#[test]
fn bad_input_ends_with_2() {
    let desk = Desk::new();
    desk.ends(2, &["pool", "reserve", "--order", "o1", "--line", "amoxicillin-24"], "");
    desk.ends(2, &["pool", "register", "--product", "amoxicillin-24", "--batch", "b", "--expiry", "2099-02-30", "x"], "");
    desk.ends(2, &["pool", "register", "--product", "amoxicillin-24", "--batch", "b", "--expiry", "2099-01-31"], "");
    desk.ends(2, &["pool", "import", "no-such-file.xml"], "");
    let broken = desk.file("broken.xml", "<Document><Events>");
    desk.ends(2, &["pool", "import", broken.to_str().expect("a path")], "");
    let elsewhere = Desk::empty();
    elsewhere.ends(2, &["pool", "status"], "");
    assert!(!elsewhere.store().exists(), "looking makes nothing");
    let products = elsewhere.file("products.toml", &PRODUCTS.replace("pack_quantity = 24", "pack_quantity = -1"));
    elsewhere.ends(2, &["pool", "init", "--products", products.to_str().expect("a path")], "");
    assert!(!elsewhere.store().exists(), "nor does a file that cannot be read");
    let newer = elsewhere.file("newer.toml", &PRODUCTS.replace("schema_version = 1", "schema_version = 2"));
    elsewhere.ends(2, &["pool", "init", "--products", newer.to_str().expect("a path")], "");
    elsewhere.file("pool.db", "not a pool at all");
    elsewhere.ends(2, &["pool", "status"], "");
    assert_eq!(std::fs::read_to_string(elsewhere.store()).expect("the file"), "not a pool at all");
}

#[test]
fn what_the_machine_does_not_let_happen_ends_with_3() {
    let desk = Desk::stocked();
    desk.ends(3, &["pool", "status", "--store", "postgres://nobody@127.0.0.1:1/pool"], "");
    desk.ends(3, &["pool", "init", "--store", "no/such/folder/pool.db"], "");
    desk.refused("no_institution", &["pool", "sync", "--url", "http://127.0.0.1:1"]);
    desk.held(&["pool", "init", "--institution", "H12345678901", "--name", "Test Hospital", "--region", "110000"]);
    assert_eq!(desk.held(&["pool", "sync", "--url", "http://127.0.0.1:1"])["line_down"], false, "there is nothing to say yet");
    desk.held(&["pool", "stocktake", "--book", &amoxicillin(1)]);
    let value = desk.ends(3, &["pool", "sync", "--url", "http://127.0.0.1:1"], "");
    assert_eq!((&value["line_down"], &value["uploads"]), (&json!(true), &json!({ "pending": 2 })), "what waits is kept");
}

#[test]
fn a_stocktaking_says_and_books_what_differs() {
    let desk = Desk::stocked();
    let value = desk.ends(
        0,
        &["pool", "stocktake", "--product", "amoxicillin-24", "--codes", "-", "--book"],
        &format!("{}\n{}\n", amoxicillin(1), amoxicillin(2)),
    );
    assert_eq!((&value["expected"], &value["missing"]), (&json!(3), &json!([amoxicillin(3)])));
    assert!((value["error_rate"].as_f64().expect("a number") - 1.0 / 3.0).abs() < 1e-12);
    let kpi = desk.held(&["pool", "kpi"]);
    assert_eq!((&kpi["stocktakings"], &kpi["counted"], &kpi["differences"]), (&json!(1), &json!(3), &json!(1)));
}

#[test]
fn packs_go_back_to_the_supplier_and_are_written_off() {
    let desk = Desk::stocked();
    let note = "dynt_no = 'R1'\nspler_name = 'Supplier'\nprodentp_name = 'Maker'\naprvno = 'H1'\npurc_invo_no = 'I1'\nrx_flag = '1'\n";
    let delivery = desk.file("delivery.toml", note);
    let delivery = delivery.to_str().expect("a path");
    let codes: Vec<String> = (1..=3).map(amoxicillin).collect();
    let value = desk.held(&["pool", "supplier-return", "--delivery", delivery, &codes[0]]);
    assert_eq!(value, json!({ "removed": [&codes[0]], "released": [] }));
    desk.refused("not_expired", &["pool", "write-off", "--reason", "expired", &codes[1]]);
    desk.held(&["pool", "reserve", "--order", "o1", "--line", "amoxicillin-24=1", &codes[1]]);
    let value = desk.held(&["pool", "write-off", "--reason", "lost", &codes[1]]);
    assert_eq!((&value["removed"], &value["released"][0]["order"]), (&json!([&codes[1]]), &json!("o1")));
    desk.held(&["pool", "reserve", "--order", "o2", "--line", "amoxicillin-24=5:pieces"]);
    desk.held(&["pool", "dispense", "o2"]);
    desk.refused("pack_opened", &["pool", "supplier-return", "--delivery", delivery, &codes[2]]);
    desk.refused("wrong_state", &["pool", "write-off", "--reason", "destroyed", &codes[0]]);
    let history = desk.held(&["pool", "history", &codes[1]]);
    assert_eq!(history.as_array().expect("entries").last().expect("one")["kind"], "write_off");
    desk.ends(2, &["pool", "supplier-return", "--delivery", "nowhere.toml", &codes[2]], "");
    desk.ends(2, &["pool", "write-off", "--reason", "stolen", &codes[2]], "");
    desk.ends(2, &["pool", "write-off", "--reason", "lost"], "");
    desk.held(&["pool", "verify"]);
}

#[test]
fn a_dialect_with_signatures_wants_its_secret_and_one_without_takes_none() {
    let desk = Desk::stocked();
    let sync = ["pool", "sync", "--url", "http://127.0.0.1:1", "--dialect"];
    desk.ends(2, &[&sync[..], &["signed"]].concat(), "");
    desk.ends(2, &[&sync[..], &["national", "--secret-from", "-"]].concat(), "secret\n");
}

#[test]
fn a_recall_takes_the_batch_and_a_verification_says_so() {
    let desk = Desk::stocked();
    let code = amoxicillin(1);
    desk.held(&["pool", "reserve", "--order", "o1", "--line", "amoxicillin-24=1", &code]);
    desk.held(&["pool", "dispense", "o1"]);
    let value = desk.held(&["verify", &code]);
    assert_eq!((&value["verdict"], &value["name"], &value["verifications"]), (&json!("valid"), &json!("阿莫西林胶囊"), &json!(1)));
    let report = desk.held(&["pool", "recall", "amoxicillin-24", "A1"]);
    assert_eq!((report["recalled"].as_array().map(Vec::len), &report["sold"]), (Some(2), &json!([[code, "o1"]])));
    assert_eq!(desk.ends(1, &["verify", &amoxicillin(2)], "")["verdict"], "recalled");
    assert_eq!(desk.ends(1, &["verify", "81111110000000000000"], "")["verdict"], "unknown");
}

#[test]
fn with_dual_authentication_a_sale_needs_pharmacist_and_patient() {
    let desk = Desk::stocked();
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let rules = path(&desk.file("rules.toml", "dual_authentication = true\nuncoded_stock = true\n"));
    assert_eq!(desk.held(&["pool", "rules", "--set", &rules])["dual_authentication"], true);
    let password = path(&desk.file("password", "correct horse\n"));
    let add = |name: &str, role: &str, session: &[&str], code| {
        let arguments =
            ["pool", "account", "add", name, "--full-name", "W", "--role", role, "--certificate", "C", "--password-from", &password];
        desk.ends(code, &[&arguments[..], session].concat(), "")
    };
    add("chief", "manager", &[], 0);
    add("wang", "pharmacist", &[], 1);
    let login = |name: &str| {
        let token = desk.held(&["pool", "login", name, "--password-from", &password])["token"].as_str().expect("a token").to_owned();
        path(&desk.file(&format!("{name}.token"), &token))
    };
    let chief = login("chief");
    add("wang", "pharmacist", &["--session-from", &chief], 0);
    let wang = login("wang");
    let patient = path(&desk.file("patient", "110101199001011234"));
    let other = path(&desk.file("other", "110101199001015678"));
    desk.held(&[
        "pool",
        "reserve",
        "--order",
        "o1",
        "--line",
        "amoxicillin-24=1",
        "--insurance-id-from",
        &patient,
        "--session-from",
        &wang,
    ]);
    desk.refused("pharmacist_needed", &["pool", "dispense", "o1"]);
    desk.refused("not_allowed", &["pool", "dispense", "o1", "--session-from", &chief, "--insurance-id-from", &patient]);
    desk.refused("other_patient", &["pool", "dispense", "o1", "--session-from", &wang, "--insurance-id-from", &other]);
    desk.held(&["pool", "dispense", "o1", "--session-from", &wang, "--insurance-id-from", &patient]);
    let history = desk.held(&["pool", "history", &amoxicillin(1)]);
    assert_eq!((&history[2]["actor"], &history[3]["actor"], &history[3]["kind"]), (&json!("wang"), &json!("wang"), &json!("dispense")));
    // Neither id stands anywhere in the file.
    let bytes = std::fs::read(desk.store()).expect("the pool");
    let logged = std::fs::read(desk.store().with_extension("db-wal")).unwrap_or_default();
    for secret in ["110101199001011234", "110101199001015678", "correct horse"] {
        assert!(![&bytes, &logged].iter().any(|file| file.windows(secret.len()).any(|part| part == secret.as_bytes())), "{secret}");
    }
    let lot = desk.held(&["pool", "lot", "--product", "tinidazole-10", "--batch", "old", "--expiry", "2099-01-31", "--pieces", "25"]);
    assert_eq!(lot["lot"], "lot tinidazole-10/old/1");
    let held = desk.held(&["pool", "reserve", "--order", "o2", "--line", "tinidazole-10=2", "--uncoded"]);
    assert_eq!((&held["reservations"][0]["quantity"], &held["reservations"][0]["coded"]), (&json!(20), &json!(false)));
    desk.held(&["pool", "logout", "--session-from", &wang]);
    desk.refused("no_session", &["pool", "dispense", "o2", "--session-from", &wang, "--insurance-id-from", &patient]);
    assert_eq!(desk.held(&["pool", "account", "list"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn nobody_is_acted_for_without_a_name() {
    let desk = Desk::stocked();
    let output = Command::new(env!("CARGO_BIN_EXE_tracetwin"))
        .args(["pool", "release", "o1", "--store"])
        .arg(desk.store())
        .env_remove("TRACETWIN_ACTOR")
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--actor"));
}

/// A Bundle of one request for a pack of amoxicillin.
fn bundle(status: &str) -> String {
    json!({
        "resourceType": "Bundle",
        "entry": [{ "resource": {
            "resourceType": "MedicationRequest", "id": "r1", "status": status, "intent": "order",
            "medicationCodeableConcept": { "coding": [{ "code": "amoxicillin-24" }] },
            "dispenseRequest": { "quantity": { "value": 1, "unit": "box" } },
        } }],
    })
    .to_string()
}

#[test]
fn orders_come_as_fhir_or_csv_and_dispensing_goes_back_as_fhir() {
    let desk = Desk::stocked();
    let path = |name: &str, text: &str| desk.file(name, text).to_str().expect("a path").to_owned();
    let (held, waits) = (path("r1.json", &bundle("active")), path("waits.json", &bundle("on-hold")));
    desk.refused("not_audited", &["pool", "reserve", "--order", "r1", "--order-file", &waits]);
    desk.ends(2, &["pool", "reserve", "--order", "r2", "--order-file", &held], "");
    desk.held(&["pool", "reserve", "--order", "r1", "--order-file", &held, &amoxicillin(2)]);
    // The order was changed at its source.
    let more = path("more.json", &bundle("active").replace(r#""value":1"#, r#""value":2"#));
    desk.refused("order_changed", &["pool", "dispense", "r1", "--order-file", &more]);
    let back = desk.folder.path().join("back.json");
    desk.held(&["pool", "dispense", "r1", "--order-file", &held, "--fhir", back.to_str().expect("a path")]);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(back).expect("a file")).expect("JSON");
    let dispense = &written["entry"][0]["resource"];
    assert_eq!(dispense["resourceType"], "MedicationDispense");
    assert_eq!(dispense["contained"][0]["identifier"][0]["value"], amoxicillin(2));
    let table = path("orders.csv", "order,drug,quantity,unit,audited\nw1,amoxicillin-24,1,packs,1\nw2,amoxicillin-24,1,packs,0\n");
    desk.held(&["pool", "reserve", "--order", "w1", "--order-file", &table]);
    desk.refused("not_audited", &["pool", "reserve", "--order", "w2", "--order-file", &table]);
    desk.ends(2, &["pool", "reserve", "--order", "w1", "--order-file", &path("bad.csv", "order,drug\nw1,x\n")], "");
}

#[test]
fn what_is_past_its_date_is_marked() {
    let desk = Desk::stocked();
    let late = amoxicillin(9);
    desk.held(&["pool", "register", "--product", "amoxicillin-24", "--batch", "A0", "--expiry", "2026-01-31", "--receive", &late]);
    assert_eq!(desk.held(&["pool", "expire"]), json!({ "expired": [late], "released": [] }));
    assert_eq!(desk.held(&["pool", "expire"]), json!({ "expired": [], "released": [] }));
}
