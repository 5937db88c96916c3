//! What the client makes of each thing that can happen on the line; over sockets, with and without TLS; and what the platform refuses.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_hal::{Clock, SimulatedClock, Timestamp};
use hub::{FaultPlan, Hub, serve};
use scanner_core::pool::{Act, OrderLine, Outcome, Pool, UploadState, Verdict};
use scanner_core::upload::{
    Dialect, HttpOptions, HttpTransport, Signature, SignatureMethod, Signer, Sm3Signer, Step, Transport, Unsigned, UploadOptions, Uploader,
};
use support::{Line, SECOND, START, hub, sell, stocked};

fn clock() -> Arc<SimulatedClock> {
    Arc::new(SimulatedClock::new(Timestamp(START + 60 * SECOND)))
}

fn uploader<T: Transport>(transport: T, dialect: Dialect) -> Uploader<T> {
    Uploader::new(transport, dialect, Box::new(Unsigned), UploadOptions::default())
}

fn outcome<T: Transport>(uploader: &mut Uploader<T>, pool: &mut Pool, clock: &dyn Clock) -> Outcome {
    match uploader.step(pool, clock).unwrap() {
        Step::Sent { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    }
}

fn act(at: u64) -> Act<'static> {
    Act::new("pharmacist", "looked it up", Timestamp(at))
}

#[test]
fn already_sold_under_our_own_id_counts_as_done() {
    let (clock, hub) = (clock(), hub(false, false, FaultPlan { cut_after: 1.0, ..FaultPlan::default() }));
    let mut pool = stocked(1, 3);
    let event = sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND).remove(0);
    let mut sender = uploader(Line::new(&hub, &clock, 0.0, 1), Dialect::national());
    assert!(matches!(outcome(&mut sender, &mut pool, clock.as_ref()), Outcome::Unknown { .. }));
    clock.sleep(Duration::from_secs(86_400));
    assert_eq!(sender.step(&mut pool, clock.as_ref()).unwrap(), Step::Idle { until: None }, "never sent again by itself");
    assert_eq!(hub.lock().unwrap().platform.bookings().len(), 1);
    // Somebody errs and says that the platform does not have it.
    hub.lock().unwrap().faults = hub::Faults::none();
    pool.reconcile(&event, Verdict::SendAgain, act(clock.now().0)).unwrap();
    let answer = outcome(&mut sender, &mut pool, clock.as_ref());
    assert!(matches!(&answer, Outcome::Done { note } if note.contains("under our own id")), "{answer:?}");
    let hub = hub.lock().unwrap();
    assert_eq!((hub.platform.bookings().len(), hub.platform.alerts().len()), (1, 0));
}

#[test]
fn already_sold_by_somebody_else_is_an_alert_and_fails() {
    let (clock, hub) = (clock(), hub(false, false, FaultPlan::default()));
    let [mut here, mut there] = [1, 2].map(|seed| stocked(seed, 1));
    sell(&mut here, "o1", OrderLine::packs("A", 1), START + SECOND);
    sell(&mut there, "o9", OrderLine::packs("A", 1), START + SECOND);
    let mut first = uploader(Line::new(&hub, &clock, 0.0, 1), Dialect::national());
    assert!(matches!(outcome(&mut first, &mut here, clock.as_ref()), Outcome::Done { .. }));
    let mut second = uploader(Line::new(&hub, &clock, 0.0, 1), Dialect::national());
    let answer = outcome(&mut second, &mut there, clock.as_ref());
    assert!(matches!(&answer, Outcome::Refused { note } if note.starts_with("infcode 3505E2")), "{answer:?}");
    assert_eq!(hub.lock().unwrap().platform.alerts().len(), 1);
    assert_eq!(there.uploads(UploadState::Failed).unwrap().len(), 1);
}

#[test]
fn what_surely_was_not_received_is_sent_again_and_the_rest_is_unknown() {
    let cases = [
        (FaultPlan { cut_before: 1.0, ..FaultPlan::default() }, "unknown"),
        (FaultPlan { cut_after: 1.0, ..FaultPlan::default() }, "unknown"),
        (FaultPlan { server_error_before: 1.0, ..FaultPlan::default() }, "unknown"),
        (FaultPlan { server_error_after: 1.0, ..FaultPlan::default() }, "unknown"),
        (FaultPlan { rubbish: 1.0, ..FaultPlan::default() }, "unknown"),
        (FaultPlan { outages: vec![(0, u64::MAX)], ..FaultPlan::default() }, "pending"),
        (FaultPlan::default(), "done"),
    ];
    for (plan, state) in cases {
        let (clock, hub) = (clock(), hub(false, false, plan.clone()));
        let mut pool = stocked(1, 1);
        sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND);
        let mut sender = uploader(Line::new(&hub, &clock, 0.0, 1), Dialect::national());
        outcome(&mut sender, &mut pool, clock.as_ref());
        let counts = pool.upload_counts().unwrap();
        assert_eq!(counts.keys().map(|s| s.as_str()).collect::<Vec<_>>(), [state], "{plan:?}");
    }
}

#[test]
fn an_answer_to_another_message_is_no_answer() {
    let (clock, hub) = (clock(), hub(true, false, FaultPlan { duplicate: 1.0, ..FaultPlan::default() }));
    let mut pool = stocked(1, 2);
    sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND);
    sell(&mut pool, "o2", OrderLine::packs("A", 1), START + SECOND);
    let mut sender = uploader(Line::new(&hub, &clock, 0.0, 1), Dialect { recognises_repeats: true, ..Dialect::national() });
    assert!(matches!(outcome(&mut sender, &mut pool, clock.as_ref()), Outcome::Done { .. }));
    let second = outcome(&mut sender, &mut pool, clock.as_ref());
    assert!(matches!(&second, Outcome::Unknown { note, .. } if note.contains("another message")), "{second:?}");
}

#[test]
fn everything_that_a_pool_tells_passes_the_strict_tables() {
    use scanner_core::pool::{Delivery, Selection, StocktakeScope};
    for batched in [false, true] {
        let dialect = if batched { Dialect::batched() } else { Dialect::national() };
        let (clock, hub) = (clock(), hub(true, batched, FaultPlan::default()));
        let mut pool = stocked(1, 6);
        let delivery = Delivery {
            dynt_no: "D1".into(),
            spler_name: "Supplier".into(),
            prodentp_name: "Maker".into(),
            aprvno: "H2026".into(),
            purc_invo_no: "I1".into(),
            rx_flag: "1".into(),
        };
        let more = scanner_core::pool::NewUnit {
            code: support::code(900),
            product: "A".into(),
            batch: "B2".into(),
            expiry: "2029-01-31".parse().unwrap(),
            made: Some("2026-02-01".parse().unwrap()),
            level: scanner_core::codes::PackLevel::SmallestPack,
            parent: None,
        };
        pool.register(&[more], act(START)).unwrap();
        pool.receive_delivery(Selection::AllRegistered, &delivery, act(START)).unwrap();
        let event = sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND).remove(0);
        sell(&mut pool, "o2", OrderLine::pieces("A", 3), START + SECOND);
        pool.return_sale("o1", &support::code(0), act(START + 2 * SECOND)).unwrap();
        pool.return_to_supplier(&[support::code(4)], &delivery, act(START + 3 * SECOND)).unwrap();
        pool.write_off(&[support::code(5)], act(START + 3 * SECOND)).unwrap();
        pool.stocktake(StocktakeScope::All, &[support::code(2), support::code(3)], true, act(START + 4 * SECOND)).unwrap();
        let mut sender = uploader(Line::new(&hub, &clock, 0.0, 1), dialect);
        sender.drain(&mut pool, clock.as_ref()).unwrap();
        let failed: Vec<_> = pool.uploads(UploadState::Failed).unwrap().into_iter().map(|e| (e.kind, e.note)).collect();
        assert_eq!(failed, []);
        let sale = pool.uploads(UploadState::Done).unwrap().into_iter().find(|e| e.event_id != event && e.kind.as_str() == "sale").unwrap();
        pool.retract_upload(&sale.event_id, act(START + 5 * SECOND)).unwrap();
        sender.drain(&mut pool, clock.as_ref()).unwrap();
        assert_eq!(pool.upload_counts().unwrap().keys().collect::<Vec<_>>(), [&UploadState::Done]);
        let seen: std::collections::BTreeSet<String> = hub.lock().unwrap().platform.bookings().iter().map(|b| b.infno.clone()).collect();
        let sale = if batched { "3505A" } else { "3505" };
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), ["3501", "3502", "3503", "3504", sale, "3506", "3507"]);
    }
}

#[test]
fn what_the_platform_would_refuse_fails_and_names_the_field() {
    let (clock, hub) = (clock(), hub(false, false, FaultPlan::default()));
    let mut pool = stocked(1, 1);
    let order = scanner_core::pool::Order { id: "o1".into(), lines: vec![OrderLine::packs("A", 1)] };
    pool.reserve(&order, act(START)).unwrap();
    let settlement = scanner_core::pool::Settlement { hi_feesetl_type: "1234567".into(), ..support::settlement() };
    pool.dispense_settled(&order, &settlement, None, act(START)).unwrap();
    let mut sender = uploader(Line::new(&hub, &clock, 0.0, 1), Dialect::national());
    let answer = outcome(&mut sender, &mut pool, clock.as_ref());
    assert!(matches!(&answer, Outcome::Refused { note } if note.contains("hi_feesetl_type: 7 characters")), "{answer:?}");
}

#[test]
fn signed_requests_are_booked_and_others_are_not() {
    let secret = "a secret that both know";
    for (method, theirs) in [(SignatureMethod::HmacSm3, hub::Method::HmacSm3), (SignatureMethod::Sm3Appended, hub::Method::Sm3Appended)] {
        let signature = Signature { method };
        let dialect = Dialect { signature: Some(signature), ..Dialect::national() };
        let signatures = hub::Signatures { method: theirs, secret: secret.into() };
        assert!(!format!("{signatures:?}").contains(secret));
        let hub = Arc::new(Mutex::new(Hub::new(
            hub::Platform::new(hub::Kind { recognises_repeats: false, batched: false }).with_signatures(signatures),
            hub::Faults::none(),
        )));
        let clock = clock();
        let mut pool = stocked(1, 3);
        // A name that JSON must escape, and one that is no ASCII.
        let settlement = scanner_core::pool::Settlement { prsc_dr_name: "李 \"Li\" \\".into(), ..support::settlement() };
        for number in 0..3 {
            let order = scanner_core::pool::Order { id: format!("o{number}"), lines: vec![OrderLine::packs("A", 1)] };
            pool.reserve(&order, act(START)).unwrap();
            pool.dispense_settled(&order, &settlement, None, act(START)).unwrap();
        }
        let line = || Line::new(&hub, &clock, 0.0, 1);
        let send = |signer: Box<dyn Signer>, pool: &mut Pool| {
            let mut sender = Uploader::new(line(), dialect.clone(), signer, UploadOptions::default());
            outcome(&mut sender, pool, clock.as_ref())
        };
        let done = send(Box::new(Sm3Signer::new(signature, secret)), &mut pool);
        assert!(matches!(done, Outcome::Done { .. }), "{done:?}");
        let wrong = send(Box::new(Sm3Signer::new(signature, "another secret")), &mut pool);
        assert!(matches!(&wrong, Outcome::Refused { note } if note.contains("infcode -3: cainfo")), "{wrong:?}");
        let unsigned = send(Box::new(Unsigned), &mut pool);
        assert!(matches!(&unsigned, Outcome::Refused { note } if note.contains("infcode -3: signtype")), "{unsigned:?}");
        assert_eq!(hub.lock().unwrap().platform.bookings().len(), 1);
    }
}

#[test]
fn what_was_changed_on_the_way_is_no_longer_signed() {
    let signature = Signature { method: SignatureMethod::HmacSm3 };
    let signatures = hub::Signatures { method: hub::Method::HmacSm3, secret: "s".into() };
    let mut platform = hub::Platform::new(hub::Kind { recognises_repeats: false, batched: false }).with_signatures(signatures);
    let mut pool = stocked(1, 1);
    sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND);
    let dialect = Dialect { signature: Some(signature), ..Dialect::national() };
    let policy = uploader(Line::new(&hub(false, false, FaultPlan::default()), &clock(), 0.0, 1), dialect.clone()).policy().clone();
    let claim = pool.claim_upload("sender", &policy, Timestamp(START + 60 * SECOND)).unwrap().unwrap();
    let institution = pool.institution().unwrap().unwrap();
    let site = scanner_core::upload::Site::default();
    let voice = scanner_core::upload::Voice { dialect: &dialect, site: &site, institution: &institution, utc_offset_minutes: 480 };
    let request = voice.word(&claim, &Sm3Signer::new(signature, "s"), Timestamp(START + 60 * SECOND)).unwrap();
    let tampered = request.body.replace("\"sel_retn_cnt\":10", "\"sel_retn_cnt\":11");
    assert_ne!(tampered, request.body);
    assert!(platform.receive(tampered.as_bytes(), START).body.contains("\"infcode\":\"-3\""));
    assert!(platform.receive(request.body.as_bytes(), START).body.contains("\"infcode\":\"0\""));
}

/// A hub on a free port.
fn listening(hub: &Arc<Mutex<Hub>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let hub = Arc::clone(hub);
    std::thread::spawn(move || serve(&listener, &hub, || START));
    port
}

fn over(url: String, ca_file: Option<std::path::PathBuf>) -> HttpTransport {
    HttpTransport::new(HttpOptions {
        url,
        ca_file,
        headers: vec![("X-Key".into(), "secret-word".into())],
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

#[test]
fn the_same_over_http() {
    let (clock, hub) = (clock(), hub(true, true, FaultPlan::default()));
    let port = listening(&hub);
    let mut pool = stocked(1, 5);
    for number in 0..5 {
        sell(&mut pool, &format!("o{number}"), OrderLine::packs("A", 1), START + SECOND);
    }
    let mut sender = uploader(over(format!("http://127.0.0.1:{port}"), None), Dialect::batched());
    assert_eq!(sender.drain(&mut pool, clock.as_ref()).unwrap(), 1, "five in one message");
    assert_eq!(hub.lock().unwrap().platform.bookings().len(), 5);
    assert!(!format!("{sender:?}").contains("secret-word"));
}

#[test]
fn a_cut_socket_is_unknown_and_a_closed_port_is_not_sent() {
    let (clock, hub) = (clock(), hub(true, false, FaultPlan { cut_after: 1.0, ..FaultPlan::default() }));
    let port = listening(&hub);
    let mut pool = stocked(1, 1);
    sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dialect = Dialect { recognises_repeats: true, ..Dialect::national() };
    let mut nobody = uploader(over(format!("http://127.0.0.1:{closed}"), None), dialect.clone());
    let answer = outcome(&mut nobody, &mut pool, clock.as_ref());
    assert!(matches!(answer, Outcome::NotReceived { .. }), "{answer:?}");
    let mut sender = uploader(over(format!("http://127.0.0.1:{port}"), None), dialect);
    let answer = outcome(&mut sender, &mut pool, clock.as_ref());
    assert!(matches!(answer, Outcome::Unknown { .. }), "{answer:?}");
    hub.lock().unwrap().faults = hub::Faults::none();
    clock.sleep(Duration::from_secs(3600));
    assert!(matches!(outcome(&mut sender, &mut pool, clock.as_ref()), Outcome::Done { .. }));
    let hub = hub.lock().unwrap();
    assert_eq!((hub.platform.bookings().len(), hub.platform.repeated()), (1, 1));
}

/// Takes TLS off and passes on, one request a connection.
fn behind_tls(port: u16, config: Arc<rustls::ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls_port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut tls = rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            let whole = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).to_lowercase();
                let head = text.find("\r\n\r\n")?;
                let length: usize = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse().ok()?;
                (request.len() >= head + 4 + length).then_some(())
            };
            while whole(&request).is_none() {
                match tls.read(&mut buffer) {
                    Ok(n @ 1..) => request.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            if whole(&request).is_none() {
                continue;
            }
            let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
            plain.write_all(&request).unwrap();
            let mut answer = Vec::new();
            plain.read_to_end(&mut answer).unwrap();
            let _ = tls.write_all(&answer).and_then(|()| tls.flush());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    tls_port
}

#[test]
fn tls_is_spoken_and_a_stranger_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, strangers] = [(); 2].map(|()| rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]).unwrap());
    let key = rustls::pki_types::PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], key)
        .unwrap();
    let (clock, hub) = (clock(), hub(true, false, FaultPlan::default()));
    let port = behind_tls(listening(&hub), Arc::new(config));
    let mut pool = stocked(1, 1);
    sell(&mut pool, "o1", OrderLine::packs("A", 1), START + SECOND);
    let dialect = Dialect { recognises_repeats: true, ..Dialect::national() };
    let [trusted, untrusted] = [(&ours, "ours.pem"), (&strangers, "strangers.pem")].map(|(certificate, name)| {
        let path = folder.path().join(name);
        std::fs::write(&path, certificate.cert.pem()).unwrap();
        path
    });
    let url = format!("https://localhost:{port}");
    let mut wary = uploader(over(url.clone(), Some(untrusted)), dialect.clone());
    let answer = outcome(&mut wary, &mut pool, clock.as_ref());
    assert!(!matches!(answer, Outcome::Done { .. }), "{answer:?}");
    assert_eq!(hub.lock().unwrap().platform.bookings().len(), 0);
    clock.sleep(Duration::from_secs(3600));
    let mut sender = uploader(over(url, Some(trusted)), dialect);
    let answer = outcome(&mut sender, &mut pool, clock.as_ref());
    assert!(matches!(answer, Outcome::Done { .. }), "{answer:?}");
    std::fs::write(folder.path().join("none.pem"), "nothing").unwrap();
    let nothing = HttpOptions {
        url: "https://localhost".into(),
        ca_file: Some(folder.path().join("none.pem")),
        headers: vec![],
        timeout: Duration::from_secs(1),
    };
    assert!(HttpTransport::new(nothing).err().unwrap().to_string().ends_with("no certificate in it"));
}
