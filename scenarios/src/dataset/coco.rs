//! The data set as COCO: <https://cocodataset.org/#format-data>.
//!
//! COCO counts pixels from their corners: half a pixel is added to every coordinate of ours, which count from pixels' centres.

use serde_json::{Value, json};

use super::{Code, Image, Package, Recipe};

/// Categories, in the order of their ids from 1.
const CATEGORIES: [(&str, &str); 3] = [("package", "package"), ("linear", "code"), ("matrix", "code")];

/// The whole document.
pub fn document(recipe: &Recipe, images: &[Image]) -> Value {
    let mut annotations = Vec::new();
    for (index, image) in images.iter().enumerate() {
        let ours = image
            .packages
            .iter()
            .filter(|package| package.area > 0)
            .map(|package| of_package(image, package))
            .chain(image.codes.iter().filter_map(|code| of_code(image, code)));
        for mut annotation in ours {
            annotation["id"] = json!(annotations.len() + 1);
            annotation["image_id"] = json!(index + 1);
            annotation["iscrowd"] = json!(0);
            annotations.push(annotation);
        }
    }
    let categories: Vec<Value> =
        CATEGORIES.iter().zip(1..).map(|((name, above), id)| json!({ "id": id, "name": name, "supercategory": above })).collect();
    json!({
        "info": {
            "description": format!("{} from seed {}", recipe.scenario, recipe.first_seed),
            "version": recipe.schema_version.to_string(),
            "contributor": format!("tracetwin {}", recipe.version),
            "scenario_sha256": recipe.scenario_sha256,
        },
        "licenses": [],
        "categories": categories,
        "images": images.iter().zip(1..).map(|(image, id)| picture(image, id)).collect::<Vec<_>>(),
        "annotations": annotations,
    })
}

fn picture(image: &Image, id: usize) -> Value {
    json!({
        "id": id,
        "file_name": image.file,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
        "bits": image.bits,
        "seed": image.seed,
        "camera": image.camera,
        "stop": image.stop,
        "turntable_deg": image.turntable_deg,
        "pattern": image.pattern,
        "calibration": image.calibration,
    })
}

fn of_package(image: &Image, package: &Package) -> Value {
    json!({
        "category_id": 1,
        "bbox": package.bounds,
        "area": package.area,
        "segmentation": { "size": [image.height, image.width], "counts": compressed(&package.runs) },
        "package": package.package,
        "product": package.product,
        "form": package.form,
        "rotation_xyzw": package.rotation,
        "translation_m": package.translation_m,
    })
}

/// Nothing for a symbol of which the picture shows nothing.
fn of_code(image: &Image, code: &Code) -> Option<Value> {
    if code.visible_fraction <= 0.0 {
        return None;
    }
    let corners = code.corners.map(|[x, y]| [x + 0.5, y + 0.5]);
    let size = [f64::from(image.width), f64::from(image.height)];
    let low = [0, 1].map(|i| corners.iter().map(|c| c[i]).fold(f64::INFINITY, f64::min).clamp(0.0, size[i]));
    let high = [0, 1].map(|i| corners.iter().map(|c| c[i]).fold(f64::NEG_INFINITY, f64::max).clamp(0.0, size[i]));
    let doubled: f64 = (0..4).map(|i| corners[i][0] * corners[(i + 1) % 4][1] - corners[(i + 1) % 4][0] * corners[i][1]).sum();
    Some(json!({
        "category_id": if code.symbology == "data_matrix" { 3 } else { 2 },
        "bbox": [low[0], low[1], high[0] - low[0], high[1] - low[1]],
        "area": doubled.abs() / 2.0,
        "segmentation": [corners.as_flattened()],
        "oriented_box": oriented(&corners),
        "package": code.package,
        "symbology": code.symbology,
        "role": code.role,
        "text": code.text,
        "visible": code.visible,
        "visible_fraction": code.visible_fraction,
        "px_per_module": code.px_per_module,
        "nominal": code.nominal,
    }))
}

/// Centre, length along the reading direction, height, and the reading direction's angle against x, degrees clockwise as seen.
fn oriented(corners: &[[f64; 2]; 4]) -> [f64; 5] {
    let middle = |a: [f64; 2], b: [f64; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
    let (start, end) = (middle(corners[0], corners[3]), middle(corners[1], corners[2]));
    let (top, bottom) = (middle(corners[0], corners[1]), middle(corners[3], corners[2]));
    let [x, y] = middle(start, end);
    let along = [end[0] - start[0], end[1] - start[1]];
    [x, y, along[0].hypot(along[1]), (bottom[0] - top[0]).hypot(bottom[1] - top[1]), along[1].atan2(along[0]).to_degrees()]
}

/// Run lengths in COCO's text form: from the third on as differences to the last but one, in groups of five bits from the lowest, each with a bit that
/// says whether more follow, counted from the character `0`.
fn compressed(runs: &[u32]) -> String {
    let mut text = String::with_capacity(runs.len() * 2);
    for (i, &run) in runs.iter().enumerate() {
        let mut left = i64::from(run) - if i > 2 { i64::from(runs[i - 2]) } else { 0 };
        loop {
            let bits = left & 31;
            left >>= 5;
            // The sign is the fifth bit of the last group.
            let last = if bits & 16 != 0 { left == -1 } else { left == 0 };
            text.push(char::from(48 + (bits | if last { 0 } else { 32 }) as u8));
            if last {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expanded(text: &str) -> Vec<u32> {
        let mut runs: Vec<i64> = Vec::new();
        let mut bytes = text.bytes();
        while let Some(mut byte) = bytes.next() {
            let (mut value, mut shift) = (0, 0);
            loop {
                let group = i64::from(byte) - 48;
                value |= (group & 31) << shift;
                shift += 5;
                if group & 32 == 0 {
                    if group & 16 != 0 {
                        value |= -1 << shift;
                    }
                    break;
                }
                byte = bytes.next().unwrap();
            }
            if runs.len() > 2 {
                value += runs[runs.len() - 2];
            }
            runs.push(value);
        }
        runs.into_iter().map(|run| run as u32).collect()
    }

    #[test]
    fn run_lengths_are_written_as_pycocotools_writes_them() {
        // What pycocotools.mask.frPyObjects makes of them.
        assert_eq!(compressed(&[7, 3, 3, 3, 14]), "7330;");
        assert_eq!(compressed(&[12_000_000, 288_000]), "PhV^;PXi8");
        assert_eq!(compressed(&[7, 3, 3, 40, 1, 100, 846]), "733U1Nl1]j0");
    }

    proptest! {
        #[test]
        fn run_lengths_come_back(runs in proptest::collection::vec(0u32..20_000_000, 0..40)) {
            prop_assert_eq!(expanded(&compressed(&runs)), runs);
        }
    }

    #[test]
    fn the_oriented_box_turns_with_the_reading_direction() {
        let near = |a: [f64; 5], b: [f64; 5]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        let flat = [[10.0, 10.0], [30.0, 10.0], [30.0, 16.0], [10.0, 16.0]];
        assert!(near(oriented(&flat), [20.0, 13.0, 20.0, 6.0, 0.0]), "{:?}", oriented(&flat));
        let turned = [[10.0, 10.0], [10.0, 30.0], [4.0, 30.0], [4.0, 10.0]];
        assert!(near(oriented(&turned), [7.0, 20.0, 20.0, 6.0, 90.0]), "{:?}", oriented(&turned));
    }
}
