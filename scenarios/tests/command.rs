//! The command as a user meets it: standard output, standard error, exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn tracetwin(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracetwin")).args(arguments).env_remove("ORT_DYLIB_PATH").output().expect("the command runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A picture of a Code 128 (code set C) that says `digits`, `x` pixels a module, with quiet zones.
fn barcode(digits: &str, x: u32) -> image::GrayImage {
    let pairs = digits.as_bytes().chunks(2).map(|pair| usize::from((pair[0] - b'0') * 10 + pair[1] - b'0'));
    let mut symbols = vec![105];
    symbols.extend(pairs);
    let check = symbols.iter().enumerate().map(|(i, symbol)| i.max(1) * symbol).sum::<usize>() % 103;
    symbols.extend([check, 106]);
    let mut modules = vec![false; 12];
    for symbol in symbols {
        for (i, width) in WIDTHS[symbol].bytes().enumerate() {
            modules.extend(std::iter::repeat_n(i % 2 == 0, usize::from(width - b'0')));
        }
    }
    modules.extend([false; 12]);
    let width = modules.len() as u32 * x;
    image::GrayImage::from_fn(width, 60 * x, |px, py| {
        let bar = modules[(px / x) as usize] && (10 * x..50 * x).contains(&py);
        image::Luma([if bar { 25 } else { 230 }])
    })
}

fn save(folder: &Path, name: &str, picture: &image::DynamicImage) -> PathBuf {
    let path = folder.join(name);
    picture.save(&path).expect("a picture");
    path
}

const CODE: &str = "81234567890123456789";

#[test]
fn scan_prints_one_object_per_code_and_nothing_else_on_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let grey = barcode(CODE, 3);
    save(folder.path(), "a-grey8.png", &grey.clone().into());
    save(folder.path(), "b-grey16.png", &image::DynamicImage::from(grey.clone()).to_luma16().into());
    save(folder.path(), "c-rgb8.png", &image::DynamicImage::from(grey.clone()).to_rgb8().into());
    save(folder.path(), "d-rgb16.png", &image::DynamicImage::from(grey.clone()).to_rgb16().into());
    save(folder.path(), "e-alpha.png", &image::DynamicImage::from(grey).to_rgba8().into());
    let output = tracetwin(&["scan", "--jsonl", folder.path().to_str().expect("a path")]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let lines: Vec<serde_json::Value> = out(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 5, "{}", out(&output));
    for line in &lines {
        let keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["corners", "format", "image", "margin", "px_per_module", "role", "seconds", "text"]);
        assert_eq!((&line["text"], &line["format"], &line["role"]), (&CODE.into(), &"code128".into(), &"trace".into()));
        let px = line["px_per_module"].as_f64().expect("a number");
        assert!((px - 3.0).abs() < 0.1, "{px}");
        assert_eq!(line["corners"].as_array().map(Vec::len), Some(4));
    }
    // Several at a time say the same in the same order.
    let several = tracetwin(&["scan", "--jsonl", "--jobs", "3", folder.path().to_str().expect("a path")]);
    let without_time = |text: &str| -> Vec<serde_json::Value> {
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        lines.map(|mut line| line.as_object_mut().and_then(|line| line.remove("seconds")).map(|_| line).expect("seconds")).collect()
    };
    assert_eq!(without_time(&out(&several)), without_time(&out(&output)));
}

#[test]
fn pictures_that_are_none_get_one_error_each_and_the_others_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let good = save(folder.path(), "good.png", &barcode(CODE, 3).into());
    let png = std::fs::read(&good).expect("bytes");
    std::fs::write(path("cut.png"), &png[..png.len() / 2]).expect("a file");
    let jpeg = save(folder.path(), "good.jpg", &barcode(CODE, 3).into());
    let jpeg = std::fs::read(jpeg).expect("bytes");
    std::fs::write(path("cut.jpg"), &jpeg[..jpeg.len() / 2]).expect("a file");
    std::fs::write(path("empty.png"), b"").expect("a file");
    std::fs::write(path("text.png"), b"not a picture at all").expect("a file");
    // Start of image, and a frame header of 8 bit, the given size and number of components.
    let header = |height: u8, width: u8, components: u8| -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 8 + 3 * components, 8, 0, height, 0, width, components];
        bytes.extend((1..=components).flat_map(|i| [i, 0x11, 0]));
        bytes.extend([0xFF, 0xDA, 0, 2, 0xFF, 0xD9]);
        bytes
    };
    std::fs::write(path("cmyk.jpg"), header(8, 8, 4)).expect("a file");
    std::fs::write(path("zero.jpg"), header(0, 0, 1)).expect("a file");
    let expected = [
        ("cut.png", "cut short"),
        ("cut.jpg", "cut short"),
        ("empty.png", "the file is empty"),
        ("text.png", "not a picture"),
        ("cmyk.jpg", "CMYK"),
        ("zero.jpg", "0×0 px"),
        ("missing.png", "no such file"),
    ];
    for (name, what) in expected {
        let output = tracetwin(&["scan", "--jsonl", path(name).to_str().expect("a path"), good.to_str().expect("a path")]);
        assert_eq!(code(&output), 2, "{name}: {}", err(&output));
        assert_eq!(out(&output).lines().count(), 1, "{name}: the good picture is read");
        let message = err(&output).replace("\n  │ ", " ").replace("\n        ", " ");
        assert!(message.contains(name) && message.contains(what), "{name}: {message}");
        assert_eq!(message.matches('×').count() - what.matches('×').count(), 1, "{name}: one error\n{message}");
    }
}

#[test]
fn an_empty_folder_is_bad_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = tracetwin(&["scan", folder.path().to_str().expect("a path")]);
    assert_eq!((code(&output), out(&output).as_str()), (2, ""));
    assert!(err(&output).contains("has no pictures in it"), "{}", err(&output));
}

#[test]
fn doctor_names_every_check() {
    let output = tracetwin(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names: Vec<&str> = report["checks"].as_array().expect("checks").iter().filter_map(|check| check["name"].as_str()).collect();
    assert_eq!(names, ["graphics adapter", "ONNX Runtime library"]);
    let needed_and_missing = report["checks"].as_array().expect("checks").iter().any(|c| c["needed"] == true && c["status"] == "missing");
    assert_eq!(code(&output), if needed_and_missing { 3 } else { 0 });
}

#[test]
#[cfg(feature = "twin")]
fn without_a_vulkan_driver_doctor_says_what_to_install() {
    for arguments in [vec!["doctor"], vec!["doctor", "--json"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tracetwin"))
            .args(arguments)
            .env("VK_ICD_FILENAMES", "/nonexistent.json")
            .env("VK_DRIVER_FILES", "/nonexistent.json")
            .env("WGPU_BACKEND", "vulkan")
            .output()
            .expect("the command runs");
        assert_eq!(code(&output), 3, "{}", err(&output));
        assert!(out(&output).contains("apt-get install mesa-vulkan-drivers"), "{}", out(&output));
        assert!(err(&output).contains("missing and needed: graphics adapter"), "{}", err(&output));
    }
}

#[test]
#[cfg(feature = "twin")]
fn a_lamp_inside_a_package_is_named_with_its_key() {
    // A lamp that hangs a centimetre above the middle of a plate full of packages, some of which are higher.
    let folder = tempfile::tempdir().expect("a folder");
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["rigs/small.toml", "catalogues/cartons.toml", "golden-small.toml"] {
        let to = folder.path().join(part);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(crate_folder.join(part), to).expect("a copy");
    }
    let rig = folder.path().join("rigs/small.toml");
    let text = std::fs::read_to_string(&rig).expect("the rig");
    let lamps: String = (-6..=6)
        .flat_map(|x| (-6..=6).map(move |y| (x, y)))
        .filter(|(x, y)| x * x + y * y < 36)
        .take(40)
        .enumerate()
        .map(|(i, (x, y))| {
            format!("[[lamps]]\nname = \"low-{i}\"\nposition_mm = [{}, {}, 10]\ntarget_mm = [0, 0, 500]\nbeam_half_angle_deg = 40\nintensity = 0.1\n", 20 * x, 20 * y)
        })
        .collect();
    std::fs::write(&rig, format!("{text}\n{lamps}")).expect("the rig");
    let scenario = folder.path().join("golden-small.toml");
    let results = folder.path().join("out");
    let output = tracetwin(&["run", scenario.to_str().expect("a path"), "--out", results.to_str().expect("a path")]);
    if err(&output).contains("no graphics adapter") {
        println!("skipped: no graphics adapter");
        return;
    }
    assert_eq!(code(&output), 2, "{}", err(&output));
    // Wrapped by the terminal's width.
    let said = err(&output).replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("`position_mm` in `lamps` where name = \"low-") && said.contains("is inside package"), "{said}");
}

#[test]
fn a_library_that_is_none_is_said_with_its_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("libonnxruntime.so");
    std::fs::write(&library, b"no library").expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_tracetwin"))
        .args(["doctor", "--json"])
        .env("ORT_DYLIB_PATH", &library)
        .output()
        .expect("the command runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let check = &report["checks"][1];
    assert_eq!(check["status"], "missing");
    assert!(check["detail"].as_str().is_some_and(|detail| detail.contains("libonnxruntime.so")), "{check}");
    assert!(check["remedy"].as_str().is_some_and(|remedy| remedy.starts_with("make setup")), "{check}");
}

/// Every key of a file must be in its schema: the two come from the same types, but defaults and renames can part them.
#[test]
fn the_schemas_know_every_key_of_the_files() {
    for (format, file) in [
        ("scenario", "demo.toml"),
        ("scenario", "golden-small.toml"),
        ("rig", "rigs/four-cameras.toml"),
        ("catalogue", "catalogues/cartons.toml"),
    ] {
        let output = tracetwin(&["schema", format]);
        assert_eq!(code(&output), 0);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the file");
        let value: toml::Value = toml::from_str(&text).expect("TOML");
        known(&schema, &schema, &value, file);
    }
}

/// Walks a value beside its schema.
fn known(root: &serde_json::Value, schema: &serde_json::Value, value: &toml::Value, at: &str) {
    let mut schema = schema;
    while let Some(reference) = schema["$ref"].as_str() {
        schema = root.pointer(reference.trim_start_matches('#')).expect("a definition");
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = |option: &serde_json::Value| std::panic::catch_unwind(|| known(root, option, value, at)).is_ok();
        assert!(options.iter().any(fits), "{at}: none of the alternatives fits");
        return;
    }
    match value {
        toml::Value::Table(table) => {
            for (key, child) in table {
                let next = &schema["properties"][key];
                let next = if next.is_null() { &schema["additionalProperties"] } else { next };
                assert!(next.is_object(), "{at}.{key} is not in the schema");
                known(root, next, child, &format!("{at}.{key}"));
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| known(root, &schema["items"], item, at)),
        _ => {}
    }
}

#[test]
fn a_baseline_with_a_fault_is_bad_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("baseline.toml");
    std::fs::write(&file, "schema_version = 1\nshared = \"none\"\nfoldrs = []\n").expect("a file");
    let output = tracetwin(&["regress", "--baseline", file.to_str().expect("a path")]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("unknown key `foldrs`") && err(&output).contains("did you mean `folders`?"), "{}", err(&output));
}

/// Bless, hold, lose, gain: the whole life of a corpus of one picture.
#[test]
fn a_lost_code_fails_the_regression() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("shared/pictures")).expect("a folder");
    save(&path("shared/pictures"), "one.png", &barcode(CODE, 3).into());
    let baseline = path("baseline.toml");
    std::fs::write(&baseline, "schema_version = 1\nshared = \"shared\"\nfolders = [\"pictures\", \"absent\"]\n").expect("a file");
    let junit = path("junit.xml");
    let regress = |more: &[&str]| {
        let arguments = [&["regress", "--baseline", baseline.to_str().expect("a path")], more].concat();
        Command::new(env!("CARGO_BIN_EXE_tracetwin")).args(arguments).env_remove("TRACETWIN_SHARED").output().expect("the command runs")
    };
    let blessed = regress(&["--bless"]);
    assert_eq!(code(&blessed), 0, "{}", err(&blessed));
    let text = std::fs::read_to_string(&baseline).expect("the baseline");
    assert!(text.contains(&format!("code128 trace {CODE}")), "{text}");
    let held = regress(&["--junit", junit.to_str().expect("a path")]);
    assert_eq!((code(&held), out(&held).trim()), (0, "2 items, 0 with losses, 0 with gains, 1 skipped"), "{}", err(&held));
    assert!(std::fs::read_to_string(&junit).expect("JUnit").contains("failures=\"0\""));
    // As if it had read another code before.
    std::fs::write(&baseline, text.replace(CODE, "80000000000000000000")).expect("the baseline");
    let lost = regress(&["--junit", junit.to_str().expect("a path")]);
    assert_eq!(code(&lost), 1);
    assert!(out(&lost).contains("LOSS     pictures/one.png: no longer read: code128 trace 80000000000000000000"), "{}", out(&lost));
    assert!(out(&lost).contains(&format!("gain     pictures/one.png: newly read: code128 trace {CODE}")), "{}", out(&lost));
    assert!(std::fs::read_to_string(&junit).expect("JUnit").contains("failures=\"1\""));
}

#[test]
fn a_build_without_the_twin_needs_neither_bevy_nor_rapier() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "-p", "scenarios", "--no-default-features"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", err(&output));
    let tree = out(&output);
    assert!(tree.lines().any(|line| line.starts_with("scanner-core ")), "{tree}");
    for unwanted in ["bevy", "rapier3d", "sim ", "wgpu"] {
        assert!(!tree.lines().any(|line| line.starts_with(unwanted)), "{unwanted} is in the tree");
    }
}

#[cfg(not(feature = "twin"))]
#[test]
fn run_says_which_build_it_needs() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo.toml");
    let output = tracetwin(&["run", demo.to_str().expect("a path")]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("this build has no twin"), "{}", err(&output));
}

/// Widths of bars and spaces, Code 128 symbols 0 to 106 (ISO/IEC 15417, table 1).
const WIDTHS: [&str; 107] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312", "231212", "112232",
    "122132", "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122",
    "321221", "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311",
    "211313", "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331", "231131", "213113",
    "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111", "111224", "111422",
    "121124", "121421", "141122", "141221", "112214", "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111",
    "241112", "134111", "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141", "214121",
    "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311", "113141", "114131", "311141", "411131", "211412",
    "211214", "211232", "2331112",
];

#[cfg(feature = "twin")]
#[test]
fn rig_check_says_what_coloured_light_shows() {
    let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("rigs/colours.toml").display().to_string();
    let output = tracetwin(&["rig", "check", &rig, "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let checks: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let hundredths = |value: &serde_json::Value| (100.0 * value.as_f64().expect("a number")).round() as i64;
    let seen: Vec<_> = checks[0]["colours"].as_array().expect("a list").iter().collect();
    let strengths: Vec<_> =
        seen.iter().map(|colour| (colour["lamps"][0].as_str().unwrap_or_default(), hundredths(&colour["strength"]))).collect();
    assert_eq!(strengths, [("white", 101), ("red", 98), ("blue", 105), ("infrared", 29)]);
    // Red bars on white, and black ones on red.
    let contrasts: Vec<_> = seen.iter().map(|c| [hundredths(&c["other_contrast"][0]), hundredths(&c["rule_contrast"][3])]).collect();
    assert_eq!(contrasts[1], [2, 94], "red light puts out red bars and shows red paper as white");
    assert_eq!((contrasts[2][0], contrasts[2][1]), (94, 38), "blue light does the opposite");
    let warnings = checks[0]["warnings"].to_string();
    assert!(warnings.contains("in the light of red red bars on white have a contrast of 0.02; 0.55 is needed"), "{warnings}");
}

#[test]
#[cfg(feature = "twin")]
fn kept_counts_are_printed_without_counting() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sets/");
    let sets = [
        ("test-sets.counts.jsonl", vec![("frozen-close", 1_500_000), ("frozen-far", 1_400_000)]),
        ("test-coarse.counts.jsonl", vec![("frozen-coarse", 1_600_000)]),
    ];
    for (file, scenarios) in sets {
        let kept = format!("{folder}{file}");
        let output = tracetwin(&["recall", "--json", "--tally", &kept]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let (names, first_seeds): (Vec<&str>, Vec<u64>) = scenarios.into_iter().unzip();
        assert_eq!((&report["scenarios"], &report["first_seeds"]), (&serde_json::json!(names), &serde_json::json!(first_seeds)));
        let lines = std::fs::read_to_string(&kept).expect("the file").lines().count() as u64;
        let loads = report["loads"].as_array().map(|loads| loads.iter().filter_map(serde_json::Value::as_u64).sum());
        assert_eq!((&report["runs"], loads), (&lines.into(), Some(lines)));
        assert_eq!(report["misreads"], serde_json::json!([]));
    }
    let missing = tracetwin(&["recall", "--tally", "no-such.jsonl"]);
    assert_eq!(code(&missing), 2);
    assert!(err(&missing).contains("no-such.jsonl: there is no such file"), "{}", err(&missing));
    assert_eq!(code(&tracetwin(&["recall"])), 2);
}
