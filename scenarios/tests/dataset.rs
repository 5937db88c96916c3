//! Data sets: what stands in the folder, and that a call which was cut short is taken up.
#![cfg(feature = "twin")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scenarios::cli::DatasetArguments;
use scenarios::dataset::command;
use serde_json::Value;

fn can_render() -> bool {
    match scenarios::run::adapter() {
        Ok(_) => true,
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

fn arguments(out: &Path, count: u64) -> DatasetArguments {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden-small.toml");
    DatasetArguments { scenario, count, out: out.to_owned(), first_seed: Some(7), set: None, per_load: None, json: false }
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => drop(found.insert(path.clone(), std::fs::read(&path).expect("a file"))),
        }
    }
    found
}

#[test]
fn a_data_set_is_whole_and_can_be_taken_up_again() {
    if !can_render() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    // Four pictures are a load (two cameras, two stops): five need a second load, cut short.
    command(&arguments(out, 5)).expect("a data set");
    let whole = files(out);
    let pictures = whole.keys().filter(|path| path.extension().is_some_and(|e| e == "png")).count();
    assert_eq!((pictures, whole.len()), (5, 11), "{:?}", whole.keys().collect::<Vec<_>>());

    let coco: Value = serde_json::from_slice(&whole[&out.join("annotations.json")]).expect("JSON");
    let list = |key: &str| coco[key].as_array().expect("a list").clone();
    assert_eq!(list("images").len(), 5);
    let category = |a: &Value| a["category_id"].as_u64().expect("a category");
    for annotation in list("annotations") {
        let image = &list("images")[annotation["image_id"].as_u64().expect("an id") as usize - 1];
        let bbox: Vec<f64> = annotation["bbox"].as_array().expect("a box").iter().map(|v| v.as_f64().expect("a number")).collect();
        let (width, height) = (image["width"].as_f64().expect("a number"), image["height"].as_f64().expect("a number"));
        assert!(bbox[0] >= 0.0 && bbox[1] >= 0.0 && bbox[0] + bbox[2] <= width && bbox[1] + bbox[3] <= height, "{annotation}");
        if category(&annotation) > 1 && annotation["visible"] == true {
            // What is seen of a package holds what is seen of its codes.
            let owner = list("annotations").into_iter().find(|other| {
                category(other) == 1 && other["image_id"] == annotation["image_id"] && other["package"] == annotation["package"]
            });
            let around: Vec<f64> =
                owner.expect("its package")["bbox"].as_array().expect("a box").iter().map(|v| v.as_f64().expect("a number")).collect();
            assert!(
                bbox[0] >= around[0] - 1.0
                    && bbox[1] >= around[1] - 1.0
                    && bbox[0] + bbox[2] <= around[0] + around[2] + 1.0
                    && bbox[1] + bbox[3] <= around[1] + around[3] + 1.0,
                "{annotation} outside {around:?}"
            );
        }
    }

    // As if the call had been cut short in the first load: its part is not there yet, one of its pictures is half written.
    std::fs::remove_file(out.join("parts/load-000007.json")).expect("a part");
    std::fs::remove_file(out.join("annotations.json")).expect("the annotations");
    let first = whole.keys().find(|path| path.to_string_lossy().contains("images/000007")).expect("a picture of the first load");
    std::fs::write(first, b"half").expect("a file");
    // And a picture of the second load is gone.
    let second = whole.keys().find(|path| path.to_string_lossy().contains("images/000008")).expect("a picture of the second load");
    std::fs::remove_file(second).expect("a picture");
    command(&arguments(out, 5)).expect("the same data set");
    assert!(files(out) == whole, "the files differ");

    // More pictures: the first ones stay as they are.
    command(&arguments(out, 6)).expect("a longer data set");
    let longer = files(out);
    assert_eq!(longer.len(), 12);
    for (path, bytes) in whole.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "png")) {
        assert!(longer[path] == *bytes, "{} changed", path.display());
    }

    let error = command(&DatasetArguments { first_seed: Some(8), ..arguments(out, 5) }).expect_err("other seeds");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().ends_with("dataset.json: this data set begins with seed 7"), "{error}");
    let error = command(&DatasetArguments { per_load: Some(1000), ..arguments(out, 5) }).expect_err("more than a load has");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("not 1000 (`--per-load`)"), "{error}");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo.toml");
    let error = command(&DatasetArguments { scenario: demo, ..arguments(out, 5) }).expect_err("another scenario");
    assert!(error.to_string().contains("was made of another scenario (`golden-small`"), "{error}");
    std::fs::write(out.join("parts/load-000007.json"), b"{").expect("a file");
    let error = command(&arguments(out, 5)).expect_err("a damaged part");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("load-000007.json: is not a part of a data set"), "{error}");
}

#[test]
fn many_loads_and_little_of_each() {
    if !can_render() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    command(&DatasetArguments { per_load: Some(1), ..arguments(folder.path(), 2) }).expect("a data set");
    let found = files(&folder.path().join("images"));
    let names: Vec<_> = found.keys().filter_map(|path| path.file_name()?.to_str()?.get(..8)).collect();
    assert_eq!(names, ["000007-0", "000008-0"]);
}

#[test]
fn a_place_that_cannot_be_written_is_the_environment() {
    if !can_render() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("images"), b"a file").expect("a file");
    let error = command(&arguments(folder.path(), 1)).expect_err("no folder can be made");
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("images"), "{error}");
}

#[test]
fn frozen_sets_are_apart_and_say_when_they_change() {
    use scenarios::cli::SetsArguments;
    use scenarios::dataset::sets;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sets.toml");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden-small.toml").display().to_string();
    let write = |second: u64| {
        let set =
            |name: &str, first: u64| format!("[[sets]]\nname = \"{name}\"\nscenario = \"{scenario}\"\nfirst_seed = {first}\nloads = 5\n");
        std::fs::write(&file, format!("schema_version = 1\n{}{}", set("training", 1), set("test", second))).expect("a file");
    };
    let run = |bless| sets(&SetsArguments { file: file.clone(), bless });

    write(5);
    let error = run(false).expect_err("a seed in two sets");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("shares seeds with set `training`"), "{error}");

    write(6);
    let error = run(false).expect_err("not blessed yet");
    assert_eq!((error.exit_code(), error.to_string().as_str()), (1, "not what was frozen: training, test"));
    run(true).expect("blessed");
    run(false).expect("as frozen");

    let choose = |name: &str, count| DatasetArguments {
        scenario: file.clone(),
        set: Some(name.to_owned()),
        first_seed: None,
        ..arguments(&folder.path().join("out"), count)
    };
    let error = command(&choose("validation", 1)).expect_err("no such set");
    assert!(format!("{error:?}").contains("it has training, test"), "{error:?}");
    assert_eq!(command(&choose("test", 100_000)).expect_err("more than there are").exit_code(), 2);

    let text = std::fs::read_to_string(&file).expect("the file");
    let hash = text.lines().find_map(|line| line.strip_prefix("loads_sha256 = ")).expect("a hash").to_owned();
    std::fs::write(&file, text.replacen(&hash, "\"00\"", 1)).expect("a file");
    assert_eq!(run(false).expect_err("another load").to_string(), "not what was frozen: training");
}

/// The process may write no file larger than some kilobytes: what a full disk looks like to it.
#[test]
#[cfg(unix)]
fn a_full_disk_ends_it_cleanly_and_a_later_call_goes_on() {
    if !can_render() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let asked = arguments(folder.path(), 2);
    // A write beyond the limit sends a signal, which kills unless it is ignored; then the write fails.
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_tracetwin"), "dataset"])
        .arg(&asked.scenario)
        .args(["--count", "2", "--first-seed", "7", "--out"])
        .arg(&asked.out)
        .output()
        .expect("a shell");
    // Wrapped by the terminal's width.
    let said = String::from_utf8_lossy(&output.stderr).replace(['│', '\n', ' '], "");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("nospaceisleftthere") && !said.contains("panicked"), "{said}");
    // Nothing half written: neither the picture nor what it was written as.
    let left: Vec<PathBuf> = files(folder.path()).into_keys().collect();
    assert_eq!(left, [folder.path().join("dataset.json")]);
    command(&asked).expect("goes on");
    let whole = files(folder.path());
    assert_eq!(whole.keys().filter(|path| path.extension().is_some_and(|x| x == "png")).count(), 2);
    assert!(whole.contains_key(&folder.path().join("annotations.json")));
}
