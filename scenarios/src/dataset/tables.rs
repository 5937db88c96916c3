//! The whole ground truth as Parquet: one row per symbol and picture, one per package and picture.

use std::path::Path;

use reports::parquet::{Column, table};

use super::{Code, Image, Package, Recipe, write_file};
use crate::error::{Failure, Result};

/// Writes `codes.parquet` and `packages.parquet`.
pub fn write(out: &Path, recipe: &Recipe, images: &[Image]) -> Result<()> {
    let metadata = [
        ("schema_version", recipe.schema_version.to_string()),
        ("scenario", recipe.scenario.clone()),
        ("first_seed", recipe.first_seed.to_string()),
        ("scenario_sha256", recipe.scenario_sha256.clone()),
    ];
    for (name, columns) in [("codes", codes(images)), ("packages", packages(images))] {
        let path = out.join(format!("{name}.parquet"));
        let bytes = table(name, &columns, &metadata).map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
        write_file(&path, &bytes)?;
    }
    Ok(())
}

/// The rows of a table: a picture and one of its things.
struct Rows<'a, T>(Vec<(&'a Image, &'a T)>);

impl<T> Rows<'_, T> {
    fn int(&self, get: impl Fn(&Image, &T) -> u64) -> Column {
        Column::Int(self.0.iter().map(|(image, thing)| get(image, thing)).collect())
    }

    fn real(&self, get: impl Fn(&Image, &T) -> f64) -> Column {
        Column::Real(self.0.iter().map(|(image, thing)| get(image, thing)).collect())
    }

    fn bool(&self, get: impl Fn(&Image, &T) -> bool) -> Column {
        Column::Bool(self.0.iter().map(|(image, thing)| get(image, thing)).collect())
    }

    fn text(&self, get: impl for<'b> Fn(&'b Image, &'b T) -> &'b str) -> Column {
        Column::Text(self.0.iter().map(|(image, thing)| get(image, thing).to_owned()).collect())
    }

    fn of_image(&self) -> Vec<(&'static str, Column)> {
        vec![
            ("image", self.text(|image, _| &image.file)),
            ("seed", self.int(|image, _| image.seed)),
            ("camera", self.text(|image, _| &image.camera)),
            ("stop", self.int(|image, _| image.stop as u64)),
            ("turntable_deg", self.real(|image, _| image.turntable_deg)),
            ("pattern", self.text(|image, _| &image.pattern)),
        ]
    }
}

fn codes(images: &[Image]) -> Vec<(&'static str, Column)> {
    let rows: Rows<'_, Code> = Rows(images.iter().flat_map(|image| image.codes.iter().map(move |code| (image, code))).collect());
    let mut columns = rows.of_image();
    columns.extend([
        ("package", rows.int(|_, code| code.package as u64)),
        ("symbol", rows.int(|_, code| code.symbol as u64)),
        ("symbology", rows.text(|_, code| &code.symbology)),
        ("text", rows.text(|_, code| &code.text)),
        ("role", rows.text(|_, code| &code.role)),
        ("face", rows.text(|_, code| &code.face)),
    ]);
    for (name, corner, axis) in
        [("x0", 0, 0), ("y0", 0, 1), ("x1", 1, 0), ("y1", 1, 1), ("x2", 2, 0), ("y2", 2, 1), ("x3", 3, 0), ("y3", 3, 1)]
    {
        columns.push((name, rows.real(|_, code| code.corners[corner][axis])));
    }
    columns.extend([
        ("visible_fraction", rows.real(|_, code| code.visible_fraction)),
        ("visible", rows.bool(|_, code| code.visible)),
        ("px_per_module", rows.real(|_, code| code.px_per_module)),
        ("incidence_deg", rows.real(|_, code| code.incidence_deg)),
        ("glare_share", rows.real(|_, code| code.glare_share)),
        ("blur_modules", rows.real(|_, code| code.blur_modules)),
        ("motion_blur_px", rows.real(|_, code| code.motion_blur_px)),
        ("grid_angle_deg", rows.real(|_, code| code.grid_angle_deg)),
        ("contrast", rows.real(|_, code| code.contrast)),
        ("print_grade", rows.real(|_, code| code.print_grade)),
        ("nominal", rows.bool(|_, code| code.nominal)),
    ]);
    columns
}

fn packages(images: &[Image]) -> Vec<(&'static str, Column)> {
    let rows: Rows<'_, Package> = Rows(images.iter().flat_map(|image| image.packages.iter().map(move |p| (image, p))).collect());
    let mut columns = rows.of_image();
    columns.extend([
        ("package", rows.int(|_, package| package.package as u64)),
        ("product", rows.text(|_, package| &package.product)),
        ("form", rows.text(|_, package| &package.form)),
        ("area_px", rows.int(|_, package| package.area)),
    ]);
    for (i, name) in ["left_px", "top_px", "width_px", "height_px"].into_iter().enumerate() {
        columns.push((name, rows.int(|_, package| package.bounds[i] as u64)));
    }
    for (i, name) in ["size_x_m", "size_y_m", "size_z_m"].into_iter().enumerate() {
        columns.push((name, rows.real(|_, package| package.size_m[i])));
    }
    for (i, name) in ["rotation_x", "rotation_y", "rotation_z", "rotation_w"].into_iter().enumerate() {
        columns.push((name, rows.real(|_, package| package.rotation[i])));
    }
    for (i, name) in ["x_m", "y_m", "z_m"].into_iter().enumerate() {
        columns.push((name, rows.real(|_, package| package.translation_m[i])));
    }
    columns
}
