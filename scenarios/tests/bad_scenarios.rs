//! Every fault of a scenario is one error that names file, line and key.

use std::path::{Path, PathBuf};

use scenarios::error::{Failure, InputError};
use scenarios::scenario::Scenario;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `file` of the crate with `from` replaced by `to` in it (or in the rig or catalogue it refers to), in a folder of its own.
fn spoilt(file: &str, spoil: &str, from: &str, to: &str) -> (tempfile::TempDir, PathBuf) {
    let there = tempfile::tempdir().expect("a folder");
    for part in ["rigs", "catalogues"] {
        std::fs::create_dir(there.path().join(part)).expect("a folder");
        for entry in std::fs::read_dir(folder().join(part)).expect("the crate's folder") {
            let path = entry.expect("an entry").path();
            std::fs::copy(&path, there.path().join(part).join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    let scenario = there.path().join(file);
    std::fs::copy(folder().join(file), &scenario).expect("a copy");
    let target = there.path().join(spoil);
    let text = std::fs::read_to_string(&target).expect("the file");
    assert!(text.contains(from), "{spoil} no longer contains {from:?}");
    std::fs::write(&target, text.replacen(from, to, 1)).expect("the spoilt file");
    (there, scenario)
}

/// The scenario that a rig or catalogue is of.
fn whose(spoil: &str) -> &'static str {
    if spoil.contains("colours") { "colours.toml" } else { "demo.toml" }
}

/// The fault that spoiling gives, and the line it stands in.
#[track_caller]
fn fault(spoil: &str, from: &str, to: &str) -> InputError {
    let (there, scenario) = spoilt(whose(spoil), spoil, from, to);
    let failure = Scenario::load(&scenario).expect_err("a fault");
    assert_eq!(failure.exit_code(), 2, "{failure}");
    let Failure::File(error) = failure else { panic!("{failure}") };
    assert_eq!(Path::new(error.file()), there.path().join(spoil), "the file is named");
    *error
}

/// The text of the line that is named.
fn line_of(spoil: &str, from: &str, to: &str, error: &InputError) -> String {
    let (there, _) = spoilt(whose(spoil), spoil, from, to);
    let text = std::fs::read_to_string(there.path().join(spoil)).expect("the file");
    text.lines().nth(error.line() - 1).unwrap_or_default().to_owned()
}

#[track_caller]
fn check(spoil: &str, from: &str, to: &str, key: &str, line: &str, message: &str, advice: Option<&str>) {
    let error = fault(spoil, from, to);
    assert_eq!(error.key(), key, "{error}");
    assert!(error.message().contains(message), "{error}");
    assert_eq!(line_of(spoil, from, to, &error), line, "{error}");
    if let Some(advice) = advice {
        assert!(error.advice().is_some_and(|given| given.contains(advice)), "{:?}", error.advice());
    }
}

const RIG: &str = "rigs/four-cameras.toml";
const CATALOGUE: &str = "catalogues/cartons.toml";

#[test]
fn scenarios_of_the_crate_are_sound() {
    for file in
        ["demo.toml", "pharmacy.toml", "closer.toml", "golden-small.toml", "datasheet.toml", "lights.toml", "glass.toml", "colours.toml"]
    {
        let scenario = Scenario::load(&folder().join(file)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(scenario.sha256().len(), 64);
    }
    let demo = Scenario::load(&folder().join("demo.toml")).expect("sound");
    let sizes: Vec<[u32; 2]> = demo.rig.cameras.iter().map(|camera| camera.size_px).collect();
    assert_eq!(sizes, [[4096, 3000], [2448, 2048], [2448, 2048], [2448, 2048]]);
    assert_eq!((demo.rig.plate.radius_mm, demo.body.load.packages, demo.body.cycle.stops_deg.len()), (300.0, 20, 6));
    assert_eq!((demo.body.order.lines_from_load, demo.body.pool.units), (Some(20), 10_000));
    assert!(demo.catalogue.kinds.len() >= 8);
}

#[test]
fn an_unknown_key() {
    check(
        "demo.toml",
        "packages = 20",
        "packages = 20\npakages = 3",
        "load.pakages",
        "pakages = 3",
        "unknown key `pakages`",
        Some("did you mean `packages`?"),
    );
}

#[test]
fn a_wrong_unit() {
    let advice = Some("did you mean `radius_mm`? It is given in millimetres");
    check(RIG, "radius_mm = 300", "radius_cm = 30", "plate.radius_cm", "radius_cm = 30", "unknown key `radius_cm`", advice);
}

#[test]
fn an_unknown_key_in_an_array_of_tables() {
    let advice = Some("did you mean `eye_mm`?");
    check(RIG, "eye_mm = [0, 0, 1240]", "eye_m = [0, 0, 1.24]", "cameras[0].eye_m", "eye_m = [0, 0, 1.24]", "unknown key", advice);
}

#[test]
fn a_key_that_is_missing() {
    check(RIG, "friction = 0.45\n", "", "plate", "[plate]", "missing field `friction`", Some("add `friction`"));
}

#[test]
fn a_value_of_the_wrong_type() {
    check(RIG, "radius_mm = 300", "radius_mm = \"30 cm\"", "plate.radius_mm", "radius_mm = \"30 cm\"", "invalid type", None);
}

#[test]
fn a_negative_size() {
    check(
        CATALOGUE,
        "size_mm = { width = [108.1, 121.9]",
        "size_mm = { width = [-108.1, 121.9]",
        "kinds[0].size_mm.width[0]",
        "size_mm = { width = [-108.1, 121.9], height = [33.8, 38.2], depth = [24.4, 27.6] }",
        "-108.1 is not between",
        None,
    );
}

#[test]
fn a_number_that_is_none() {
    check(RIG, "ambient = 0.12", "ambient = nan", "ambient", "ambient = nan", "not a finite number", None);
}

#[test]
fn a_package_larger_than_the_plate() {
    // The plate is the rig's and the carton the catalogue's; that they are put together is the scenario's fault.
    let (there, scenario) = spoilt("demo.toml", RIG, "radius_mm = 300", "radius_mm = 60");
    let Err(Failure::File(error)) = Scenario::load(&scenario) else { panic!("a fault") };
    assert_eq!((Path::new(error.file()), error.key()), (there.path().join("demo.toml").as_path(), "load.packages"));
    assert!(error.message().contains("larger than the plate of radius 60 mm"), "{error}");
}

#[test]
fn a_rig_without_cameras() {
    let (there, scenario) = spoilt("demo.toml", RIG, "ambient", "ambient");
    let rig = there.path().join(RIG);
    let text = std::fs::read_to_string(&rig).expect("the rig");
    let without = text.split("[[cameras]]").next().expect("a beginning").replacen("ambient", "cameras = []\nambient", 1);
    std::fs::write(&rig, without).expect("the rig");
    let error = match Scenario::load(&scenario) {
        Err(Failure::File(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!((error.key(), error.message()), ("cameras", "a rig without cameras sees nothing"));
}

#[test]
fn a_camera_that_looks_past_the_plate() {
    check(
        RIG,
        "target_mm = [0, 0, 15]",
        "target_mm = [2000, 3000, 15]",
        "cameras[1].target_mm",
        "target_mm = [2000, 3000, 15]",
        "the field of view of camera `side-30` misses the plate",
        None,
    );
}

#[test]
fn a_camera_with_an_open_orientation() {
    check(RIG, "up = [0, 1, 0]", "up = [0, 0, 1]", "cameras[0].up", "up = [0, 0, 1]", "line of sight", Some("up = [0, 1, 0]"));
}

#[test]
fn a_light_without_its_size_or_with_anothers() {
    let name = "name = \"north-east\"";
    let check = |form: &str, key, line, message| check(RIG, name, &format!("{name}\n{form}"), key, line, message, None);
    check("kind = \"ring\"", "lamps[0].diameter_mm", "[[lamps]]", "a light of kind `ring` needs `diameter_mm`");
    let both = "kind = \"ring\"\ndiameter_mm = 200\nlength_mm = 10";
    check(both, "lamps[0].length_mm", "length_mm = 10", "a light of kind `ring` has no `length_mm`");
    let along = "kind = \"bar\"\nlength_mm = 500\nalong = [692.8, 400.0, 700]";
    check(along, "lamps[0].along", "along = [692.8, 400.0, 700]", "along its axis");
    check("diameter_mm = 5", "lamps[0].diameter_mm", "diameter_mm = 5", "a light of kind `spot` has no `diameter_mm`");
}

const PLATE: &str = "radius_mm = 300";

/// The plate's line, of glass by these keys.
fn of_glass(keys: &str) -> String {
    format!("{PLATE}\nkind = \"glass\"\n{keys}")
}

#[test]
fn what_a_plate_hides_and_glass_that_is_none() {
    let opaque = "is not above the plate, which is opaque";
    let eye = "eye_mm = [0, 0, -1240]";
    check(RIG, "eye_mm = [0, 0, 1240]", eye, "cameras[0].eye_mm", eye, opaque, None);
    let lamp = "position_mm = [0.0, -800.0, -700]";
    check(RIG, "position_mm = [0.0, -800.0, 700]", lamp, "lamps[2].position_mm", lamp, opaque, None);
    for (keys, key, message) in [
        ("thickness_mm = 0", "thickness_mm", "0 is not between 0.5 and 50"),
        ("refractive_index = 0.9\nthickness_mm = 6", "refractive_index", "0.9 is not between 1 and 2.5"),
        ("transmission = 1.1\nthickness_mm = 6", "transmission", "1.1 is not between 0.05 and 1"),
        ("dirt = -0.1\nthickness_mm = 6", "dirt", "-0.1 is not between 0 and 0.9"),
    ] {
        let line = keys.lines().next().expect("a line");
        check(RIG, PLATE, &of_glass(keys), &format!("plate.{key}"), line, message, None);
    }
    let error = fault(RIG, PLATE, &of_glass("dirt = 0.1"));
    assert!(error.key() == "plate.thickness_mm" && error.message().contains("needs its `thickness_mm`"), "{error}");
    let line = "thickness_mm = 6";
    check(
        RIG,
        PLATE,
        &format!("{PLATE}\n{line}"),
        "plate.thickness_mm",
        line,
        "an opaque plate has no `thickness_mm`",
        Some("kind = \"glass\""),
    );
    // In the pane, or nearly.
    for (from, to, key) in [
        ("eye_mm = [0, 0, -600]", "eye_mm = [0, 0, -12]", "cameras[3].eye_mm"),
        ("position_mm = [0, 420, -300]", "position_mm = [0, 420, -3]", "lamps[4].position_mm"),
    ] {
        let (_there, scenario) = spoilt("glass.toml", "rigs/glass.toml", from, to);
        let failure = Scenario::load(&scenario).expect_err("a fault");
        let Failure::File(error) = failure else { panic!("{failure}") };
        assert!(error.key() == key && error.message().contains("is in the glass plate or closer below it than 10 mm"), "{error}");
    }
}

#[test]
fn a_pattern_with_an_unknown_lamp() {
    check(
        RIG,
        "lamps = { south = 1.0 }",
        "lamps = { soth = 1.0 }",
        "patterns[1].lamps.soth",
        "lamps = { soth = 1.0 }",
        "a lamp `soth` that the rig does not have",
        Some("did you mean `south`?"),
    );
}

#[test]
fn a_cycle_with_an_unknown_pattern() {
    check("demo.toml", "[\"all\"]", "[\"al\"]", "cycle.patterns[0]", "patterns = [\"al\"]", "no light pattern `al`", None);
}

#[test]
fn an_order_for_an_unknown_product() {
    let lines = "lines = [{ product = \"aspirin\", quantity = 1 }]";
    check("demo.toml", "lines_from_load = 20", lines, "order.lines[0].product", lines, "no product `aspirin`", None);
}

#[test]
fn a_rig_file_that_is_missing() {
    let line = "rig = { file = \"rigs/none.toml\" }";
    check("demo.toml", "rig = { file = \"rigs/four-cameras.toml\" }", line, "rig.file", line, "there is no such file", None);
}

#[test]
fn a_key_beside_a_reference() {
    let line = "rig = { file = \"rigs/four-cameras.toml\", ambient = 0.1 }";
    check("demo.toml", "rig = { file = \"rigs/four-cameras.toml\" }", line, "rig.ambient", line, "unknown key `ambient`", None);
}

#[test]
fn a_scenario_without_a_rig() {
    check(
        "demo.toml",
        "rig = { file = \"rigs/four-cameras.toml\" }",
        "",
        "rig",
        "schema_version = 1",
        "missing key `rig`",
        Some("rig = { file"),
    );
}

#[test]
fn a_newer_version() {
    check("demo.toml", "schema_version = 1", "schema_version = 2", "schema_version", "schema_version = 2", "newer version", None);
}

#[test]
fn a_prefix_of_two_products() {
    let text = std::fs::read_to_string(folder().join(CATALOGUE)).expect("the catalogue");
    let first = text.split("prefix = \"").nth(1).and_then(|rest| rest.get(..7)).expect("a prefix").to_owned();
    let second = text.split("prefix = \"").nth(4).and_then(|rest| rest.get(..7)).expect("a prefix").to_owned();
    let error = fault(CATALOGUE, &second, &first);
    assert_eq!(error.key(), "kinds[1].product.code_prefixes");
    assert!(error.message().contains("belongs to"), "{error}");
}

#[test]
fn a_code_that_fits_on_no_face() {
    let error = fault(CATALOGUE, "x_dimension_mm = [0.17, 0.33]", "x_dimension_mm = [1.2, 1.3]");
    assert_eq!(error.key(), "kinds[0].size_mm");
    assert!(error.message().contains("fits on no face"), "{error}");
}

#[test]
fn a_fault_of_syntax() {
    let error = fault("demo.toml", "packages = 20", "packages = = 20");
    assert_eq!(error.line(), 11, "{error}");
}

#[test]
fn a_scenario_file_that_is_missing() {
    let failure = Scenario::load(Path::new("no/such.toml")).expect_err("a fault");
    assert_eq!((failure.exit_code(), failure.to_string()), (2, "no/such.toml: no such file".to_owned()));
}

#[test]
fn an_inline_rig_is_the_same_rig() {
    let (there, scenario) = spoilt("golden-small.toml", "rigs/small.toml", "ambient", "ambient");
    let by_reference = Scenario::load(&scenario).expect("sound");
    let rig = std::fs::read_to_string(there.path().join("rigs/small.toml")).expect("the rig");
    let inline: String = rig
        .lines()
        .map(|line| line.replace("[[", "[[rig."))
        .map(|line| if line.starts_with('[') && !line.starts_with("[[") { line.replacen('[', "[rig.", 1) } else { line } + "\n")
        .collect();
    let text = std::fs::read_to_string(&scenario).expect("the scenario").replace("rig = { file = \"rigs/small.toml\" }\n", "");
    std::fs::write(&scenario, format!("{text}\n[rig]\n{inline}")).expect("the scenario");
    let inline = Scenario::load(&scenario).expect("sound");
    assert_eq!(inline, by_reference);
    assert_eq!(inline.sha256(), by_reference.sha256());
}

const SENSOR: &str = "sensor = { blur_sigma_px = 0.6, electrons_at_white = 8500, full_well = 10500, dark_noise = 2.5, black_level = 0.01 }";

#[test]
fn a_datasheet_that_contradicts_itself() {
    for (figure, key, message) in [
        ("snr_max_db = 44.0", "snr_max_db", "44 dB contradicts a full well of 10500 electrons, which make 40.2 dB"),
        ("dynamic_range_db = 76.0", "dynamic_range_db", "76 dB contradicts a full well of 10500 and a dark noise of 2.5 electrons"),
    ] {
        let line = SENSOR.replace("black_level", &format!("{figure}, black_level"));
        check(RIG, SENSOR, &line, &format!("cameras[0].sensor.{key}"), &line, message, None);
    }
    // What agrees within rounding is no fault.
    let (_there, scenario) =
        spoilt("demo.toml", RIG, SENSOR, &SENSOR.replace("black_level", "snr_max_db = 40.3, dynamic_range_db = 71.0, black_level"));
    Scenario::load(&scenario).expect("a rig");
}

#[test]
fn a_sensor_with_a_figure_missing() {
    let line = SENSOR.replace(", full_well = 10500", "");
    check(RIG, SENSOR, &line, "cameras[0].sensor.full_well", &line, "missing key `full_well`", Some("name a sensor preset"));
    let line = SENSOR.replace(" electrons_at_white = 8500,", "");
    let key = "cameras[0].sensor.electrons_at_white";
    check(RIG, SENSOR, &line, key, &line, "missing key `electrons_at_white`", Some("white_luminance_cd_m2"));
}

#[test]
fn a_sensor_that_does_not_exist_or_is_too_small() {
    let line = "sensor = { preset = \"imx251\", blur_sigma_px = 0.3, electrons_at_white = 8000 }";
    check(RIG, SENSOR, line, "cameras[0].sensor.preset", line, "there is no preset `imx251`", Some("did you mean `imx25"));
    let sensor = line.replace("imx251", "imx250");
    let error = fault(RIG, SENSOR, &sensor);
    assert_eq!(error.key(), "cameras[0].size_px", "{error}");
    assert!(error.message().contains("a frame of 4096 × 3000 px from a sensor of 2464 × 2056 px"), "{error}");
}

#[test]
fn a_lens_that_cannot_be() {
    const LENS: &str = "lens = { focal_mm = 12, pixel_pitch_um = 3.45 }";
    for (lens, key, message) in [
        ("lens = { focal_mm = 12, pixel_pitch_um = 3.45, f_number = 8, focus_mm = 15 }", "lens.focus_mm", "cannot be focused at 15.0 mm"),
        ("lens = { focal_mm = 12, pixel_pitch_um = 3.45, focus_mm = 600 }", "lens.focus_mm", "without `f_number` everything is sharp"),
        ("lens = { fov_deg = 30, f_number = 8 }", "lens.f_number", "needs the focal length in millimetres"),
        ("lens = { preset = \"c-mount-12mm\" }", "lens", "needs the sensor's `pixel_pitch_um`"),
        ("lens = { preset = \"c-mount-12mm\", focal_mm = 12 }", "lens", "described more than once"),
    ] {
        check(RIG, LENS, lens, &format!("cameras[1].{key}"), lens, message, None);
    }
}

#[test]
fn a_bottle_that_is_not_round_or_too_narrow_for_its_code() {
    const MIXED: &str = "catalogues/mixed.toml";
    let fault = |from: &str, to: &str| {
        let (there, scenario) = spoilt("datasheet.toml", MIXED, from, to);
        match Scenario::load(&scenario) {
            Err(Failure::File(error)) => {
                assert_eq!(Path::new(error.file()), there.path().join(MIXED));
                (error.key().to_owned(), error.message().to_owned())
            }
            other => panic!("{other:?}"),
        }
    };
    let size = "size_mm = { width = [39.5, 44.5], height = [73.3, 82.7], depth = [39.5, 44.5] }";
    let (key, message) = fault(size, &size.replace("depth = [39.5, 44.5]", "depth = [30, 35]"));
    assert!(key.ends_with("size_mm.depth") && message.contains("a bottle is round"), "{key}: {message}");
    let narrow = "size_mm = { width = [8, 50], height = [20, 82.7], depth = [8, 50] }";
    let (key, message) = fault(size, narrow);
    assert!(key.ends_with("size_mm") && message.contains("fits on no face"), "{key}: {message}");
}

/// The key and message of what a change to one kind of the pharmacy's catalogue gives; kinds are found by what stands before the change.
fn pharmacy_fault(product: &str, from: &str, to: &str) -> (String, String) {
    const FILE: &str = "catalogues/pharmacy.toml";
    let text = std::fs::read_to_string(folder().join(FILE)).expect("the catalogue");
    let id = text.find(&format!("id = \"{product}\"")).expect("the product");
    let begin = text[..id].rfind("[[kinds]]").expect("its kind");
    assert!(text[begin..id].contains(from), "{product} has no {from:?}");
    let (there, scenario) = spoilt("pharmacy.toml", FILE, "[[kinds]]", "[[kinds]]");
    let spoilt = format!("{}{}{}", &text[..begin], text[begin..id].replacen(from, to, 1), &text[id..]);
    std::fs::write(there.path().join(FILE), spoilt).expect("the spoilt file");
    let Failure::File(error) = Scenario::load(&scenario).expect_err("a fault") else { panic!("no fault of the file") };
    (error.key().to_owned(), error.message().to_owned())
}

#[test]
fn the_pharmacy_has_all_forms_and_five_sizes_of_cartons() {
    use scenarios::scenario::{FormName, SizeClass};
    let pharmacy = Scenario::load(&folder().join("pharmacy.toml")).unwrap_or_else(|failure| panic!("{failure}"));
    let kinds = &pharmacy.catalogue.kinds;
    let cartons = Scenario::load(&folder().join("demo.toml")).expect("sound").catalogue.kinds;
    let first = |kinds: &[scenarios::scenario::Kind]| kinds[..4].iter().map(|kind| kind.product.clone()).collect::<Vec<_>>();
    assert_eq!(first(kinds), first(&cartons), "the four medicines of Table 1");
    assert!(kinds.len() >= 24, "{}", kinds.len());
    for form in [FormName::Carton, FormName::Bottle, FormName::Tube, FormName::Sleeve, FormName::AmpouleTray, FormName::Pouch] {
        assert!(kinds.iter().filter(|kind| kind.form == form).count() >= 3, "{form:?}");
    }
    for class in [SizeClass::Mini, SizeClass::Small, SizeClass::Medium, SizeClass::Large, SizeClass::Bulky] {
        assert!(kinds.iter().any(|kind| kind.size_class == Some(class)), "{class:?}");
    }
    assert!(kinds.iter().all(|kind| (kind.form == FormName::Carton) == kind.size_class.is_some()));
    assert!(kinds.iter().all(|kind| kind.product.names.english.is_some() && kind.source.contains("assumption")));
    assert_eq!(pharmacy.body.load.packages, 20);
}

#[test]
fn forms_whose_measures_cannot_be() {
    let cases = [
        ("mupirocin-ointment-5g", "depth = [15", "depth = [14", "size_mm.depth", "a tube is round"),
        ("mupirocin-ointment-5g", "height = [80.8, 91.2]", "height = [40, 45]", "size_mm.height", "3 times as long"),
        ("paracetamol-tablets-10", "depth = [8.5, 9.5]", "depth = [20, 30]", "size_mm.depth", "form sleeve is flat"),
        ("vitamin-b12-injection-10", "depth = [12.2, 13.8]", "depth = [6, 7]", "size_mm.depth", "form ampoule tray is flat"),
        ("isatis-granules-1", "depth = [9.4, 10.6]", "depth = [9, 30]", "size_mm.depth", "mm thick in the middle"),
        (
            "isatis-granules-1",
            "gloss = [0.04, 0.1]",
            "gloss = [0.04, 0.1]\nsize_class = \"mini\"",
            "size_class",
            "size classes are of cartons",
        ),
        ("loratadine-tablets-6", "size_class = \"small\"", "size_class = \"mini\"", "size_class", "the longest edge is 86 mm"),
    ];
    for (product, from, to, key, message) in cases {
        let (found, said) = pharmacy_fault(product, from, to);
        assert!(found.ends_with(key) && said.contains(message), "{product}: {found}: {said}");
    }
    let (key, message) = pharmacy_fault("loratadine-tablets-6", "size_class = \"small\"", "size_class = \"tiny\"");
    assert!(key.ends_with("size_class") && message.contains("tiny"), "{key}: {message}");
}

#[test]
fn a_code_larger_than_the_face_of_its_form() {
    let too_narrow = [
        // A code is 29 × 11 mm at its smallest. Around a tube it has 1.8 rad; a pouch of 33 mm leaves 26 mm between its seals.
        ("erythromycin-eye-ointment-25g", "width = [14.1, 15.9]", "width = [12.1, 15.9]", "depth = [14.1, 15.9]", "depth = [12.1, 15.9]"),
        ("paracetamol-tablets-10", "width = [92.1, 103.9]", "width = [29, 103.9]", "height = [41.4, 46.6]", "height = [10, 46.6]"),
        ("vitamin-b12-injection-10", "width = [120.3, 135.7]", "width = [28, 135.7]", "height = [65.8, 74.2]", "height = [29, 74.2]"),
        ("azithromycin-dry-suspension-1", "width = [63.9, 72.1]", "width = [33, 72.1]", "height = [86.5, 97.5]", "height = [34, 97.5]"),
    ];
    for (product, from, to, and_from, and_to) in too_narrow {
        // Both edges stand in one line.
        let text = std::fs::read_to_string(folder().join("catalogues/pharmacy.toml")).expect("the catalogue");
        let line = text.lines().find(|line| line.contains(from) && line.contains(and_from)).expect("the sizes").to_owned();
        let spoilt = line.replace(from, to).replace(and_from, and_to);
        let (key, message) = pharmacy_fault(product, &line, &spoilt);
        assert!(key.ends_with("size_mm") && message.contains("fits on no face"), "{product}: {key}: {message}");
    }
}

#[test]
fn a_face_that_a_form_does_not_have() {
    let print = "gloss = [0.0, 0.05]\nprint = { faces = { left = 1.0 }, x_dimension_mm = [0.17, 0.2], bar_height_mm = [8, 9], data_matrix_share = 0.0, \
                 data_matrix_module_mm = [0.4, 0.5], decoy_probability = 0.0, ink = [0.05, 0.1], paper = [0.8, 0.9] }";
    let (key, message) = pharmacy_fault("paracetamol-tablets-10", "gloss = [0.0, 0.05]", print);
    assert!(key.ends_with("print.faces.left") && message.contains("front, back, top, bottom"), "{key}: {message}");
    let (key, message) = pharmacy_fault("isatis-granules-1", "gloss = [0.04, 0.1]", &print.replace("left", "over_top_edge"));
    assert!(key.ends_with("print.faces.over_top_edge") && message.contains("on a pouch, but on front, back"), "{key}: {message}");
}

#[test]
fn colours_that_make_no_sense() {
    let rig = "rigs/colours.toml";
    check(rig, "colour = \"red\"", "colour = \"purple\"", "lamps[1].colour", "colour = \"purple\"", "unknown variant `purple`", None);
    let warm_red = "colour = \"red\"\ncct_k = 3000";
    check(rig, "colour = \"red\"", warm_red, "lamps[1].cct_k", "cct_k = 3000", "only white light has a colour temperature", None);
    check(rig, "cct_k = 5700", "cct_k = 500", "lamps[0].cct_k", "cct_k = 500", "is not between", None);
    let filters = "sensor = { preset = \"imx250\", filters = \"rggb\" }";
    let message = "the lamp `red` is red; behind colour filters only white light is simulated";
    check(rig, "sensor = { preset = \"imx250\" }", filters, "cameras[0].sensor.filters", filters, message, Some("leave `filters` out"));
    let film = |to: u32| format!("film = {{ wrap_share = 1.0, gloss = [0.05, 0.07], wrinkle_deg = [5, {to}] }}");
    let (flat, steep) = (&film(10), &film(60));
    check("catalogues/colours.toml", flat, steep, "kinds[0].film.wrinkle_deg[1]", steep, "is not between", None);
}
