//! Light that reaches surfaces by way of others, and the room's light as far as nothing stands before it.
//!
//! Surfaces are cut into cells of about a centimetre. From the middle of each, rays find which cells it sees and how much of the room; what arrives there
//! is scattered on from cell to cell (radiosity: Goral et al. 1984, *Modeling the interaction of light between diffuse surfaces*). Every cell's rays go the
//! same ways, so that neighbours differ by what they see and not by chance. Where others are so near that light changes within a cell, printed surfaces
//! gather it once more in parts of cells, from every texel of light that their rays meet (final gathering; how near is near follows from Ward, Rubinstein,
//! Clear 1988, *A ray tracing solution for diffuse interreflection*). Colours are those of the first tint.

use hardware_hal::glam::{DVec3, Vec3};
use rayon::prelude::*;

use super::light::{ATLAS_WIDTH, LIFT, Patch};
use super::scene::{Scene, Surface};
use super::shadow::ShadowBox;
use crate::artwork::{FacePrint, GreyImage, Printed};
use crate::glass::{DIRT_KEEPS, Glass};
use crate::shading::spread_enters;

/// Least edge of a cell, m, and of one in samples of light.
const CELL: f64 = 0.012;
const CELL_SAMPLES: f64 = 5.0;

/// Cells that see others at a harmonic mean distance below this, m, are split into so many parts each way.
const NEAR: f32 = 0.025;
const PARTS: usize = 2;

/// Edge of a cell of what lies below the plate, m.
const TABLE_CELL: f64 = 0.15;

/// Directions over the whole sphere; each surface uses those on its side.
const DIRECTIONS: usize = 192;

/// How far rays go, m.
const REACH: f32 = 4.0;

/// What has a body nearer than this before it is covered, m: no light gets there, and nobody sees it.
const COVERED: f32 = 1.5e-3;

/// How often light is handed on. With paper that scatters 0.8 of it, and half of that lost to the room, what is left after that is below 3 %.
const BOUNCES: usize = 4;

/// Resolution at which prints are averaged over cells, px/m.
const PX_PER_M: f64 = 1000.0;

/// A surface's cells: how many along u and v, and the number of the first.
#[derive(Debug, Clone, Copy)]
struct Grid {
    first: usize,
    size: [usize; 2],
    /// What of evenly spread light gets through its varnish.
    enters: f32,
    /// Its texels of light.
    patch: Patch,
}

impl Grid {
    /// The cell around a place, in shares of the surface's extent.
    fn at(&self, place: [f64; 2]) -> usize {
        let [column, row] = [0, 1].map(|i| ((place[i] * self.size[i] as f64) as usize).min(self.size[i] - 1));
        self.first + row * self.size[0] + column
    }

    fn len(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// The texel of light nearest to a place.
    fn texel(&self, place: [f64; 2]) -> usize {
        let [x, y] = [0, 1].map(|i| self.patch.at[i] as usize + (place[i] * f64::from(self.patch.size[i] - 1) + 0.5) as usize);
        y * ATLAS_WIDTH as usize + x
    }

    /// Its texels, row by row.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let [[x, y], [w, h]] = [self.patch.at, self.patch.size].map(|pair| pair.map(|n| n as usize));
        (y..y + h).flat_map(move |row| (x..x + w).map(move |column| row * ATLAS_WIDTH as usize + column))
    }

    /// Values of cells where these columns and rows of places meet, row by row: linear between the middles of cells.
    fn between<'a>(&self, places: [Vec<f32>; 2], values: &'a [f32]) -> impl Iterator<Item = f32> + use<'a> {
        let grid = *self;
        let spot = move |axis: usize, place: f32| {
            let most = (grid.size[axis] - 1) as f32;
            let at = (place * grid.size[axis] as f32 - 0.5).clamp(0.0, most);
            let low = at.floor().min((most - 1.0).max(0.0));
            (low as usize, if most > 0.0 { at - low } else { 0.0 })
        };
        let [columns, rows] = places;
        let columns: Vec<(usize, f32)> = columns.into_iter().map(|place| spot(0, place)).collect();
        let value = move |column: usize, row: usize| {
            let [column, row] = [column.min(grid.size[0] - 1), row.min(grid.size[1] - 1)];
            values[grid.first + row * grid.size[0] + column]
        };
        rows.into_iter().flat_map(move |place| {
            let (row, down) = spot(1, place);
            let between = move |(column, right): &(usize, f32)| {
                let along = |row| value(*column, row) * (1.0 - right) + value(*column + 1, row) * right;
                along(row) * (1.0 - down) + along(row + 1) * down
            };
            columns.iter().map(between).collect::<Vec<f32>>()
        })
    }

    /// The middle of its `i`th cell, in shares of the surface's extent.
    fn middle(&self, i: usize) -> [f64; 2] {
        [((i % self.size[0]) as f64 + 0.5) / self.size[0] as f64, ((i / self.size[0]) as f64 + 0.5) / self.size[1] as f64]
    }
}

/// The cells of a scene and what they reflect; the same wherever its packages lie.
#[derive(Debug, Clone)]
pub struct Cells {
    grids: Vec<Grid>,
    albedo: Vec<f32>,
    /// Share of evenly spread light below the varnish that the varnish mirrors besides.
    mirrors: Vec<f32>,
    /// What every texel of light reflects.
    texels: Vec<f32>,
}

impl Cells {
    /// Cuts every surface of the scene, whose prints it averages over its cells and over its texels in an atlas of so many rows.
    pub fn new(scene: &Scene, patches: &[Patch], rows: u32) -> Self {
        let pictures: Vec<GreyImage> = scene.prints.par_iter().map(|print| print.rasterise(PX_PER_M, Printed::All)).collect();
        let texels = vec![0.0; ATLAS_WIDTH as usize * rows as usize];
        let mut cells = Self { grids: Vec::with_capacity(scene.surfaces.len()), albedo: Vec::new(), mirrors: Vec::new(), texels };
        for (surface, patch) in scene.surfaces.iter().zip(patches) {
            let edge = if surface.below_plate { TABLE_CELL } else { CELL.max(CELL_SAMPLES * surface.cell) };
            let size = surface.size().map(|extent| ((extent / edge).round() as usize).max(1));
            let leaves = spread_enters(surface.gloss) as f32;
            let grid = Grid { first: cells.albedo.len(), size, enters: leaves, patch: *patch };
            let albedo = |middle: [f64; 2], half: [f64; 2]| match surface.print {
                Some(print) => leaves * mean_reflectance(surface, middle, half, &scene.prints[print], &pictures[print]),
                None => leaves * surface.albedo as f32,
            };
            let half = size.map(|n| 0.5 / n as f64);
            cells.albedo.extend((0..grid.len()).map(|i| albedo(grid.middle(i), half)));
            let steps = patch.size.map(|n| 1.0 / f64::from(n - 1));
            for (x, y) in (0..patch.size[1]).flat_map(|y| (0..patch.size[0]).map(move |x| (x, y))) {
                let place = [f64::from(x) * steps[0], f64::from(y) * steps[1]];
                cells.texels[grid.texel(place)] = albedo(place, steps.map(|step| 0.5 * step));
            }
            let mirrors = (1.0 - (1.0 - surface.gloss as f32) * leaves) / leaves;
            cells.mirrors.resize(cells.albedo.len(), if surface.gloss > 0.0 { mirrors } else { 0.0 });
            cells.grids.push(grid);
        }
        cells
    }

    /// What a value for every cell is along a surface's patch of `size` texels, edge to edge, row by row: linear between the middles of cells.
    pub fn interpolated<'a>(&self, surface: usize, size: [usize; 2], values: &'a [f32]) -> impl Iterator<Item = f32> + use<'a> {
        let edge_to_edge = |axis: usize| (0..size[axis]).map(|texel| texel as f32 / (size[axis] - 1).max(1) as f32).collect();
        self.grids[surface].between([edge_to_edge(0), edge_to_edge(1)], values)
    }

    /// By cell: radiance that leaves it where lamps give `direct` and all else `arriving`.
    pub fn leaving(&self, direct: &[f32], arriving: &[f32]) -> Vec<f32> {
        let light = direct.iter().zip(arriving);
        light
            .zip(self.albedo.iter().zip(&self.mirrors))
            .map(|((direct, arriving), (albedo, mirrors))| albedo * (direct + arriving) + mirrors * arriving)
            .collect()
    }

    /// By texel: radiance that leaves it where lamps give `direct` alone.
    pub fn scattered(&self, direct: &[f32]) -> Vec<f32> {
        self.texels.iter().zip(direct).map(|(albedo, direct)| albedo * direct).collect()
    }

    /// Adds light that arrives on a surface's texels by way of others, row by row, to that of a white surface there and to the radiance that leaves them.
    pub fn add(&self, surface: usize, more: impl Iterator<Item = f32>, white: &mut [f32], leaving: &mut [f32]) {
        let grid = &self.grids[surface];
        let mirrors = self.mirrors[grid.first];
        for (texel, more) in grid.places().zip(more) {
            white[texel] += more;
            leaving[texel] += (self.texels[texel] + mirrors) * more;
        }
    }

    /// The mean over every cell of what `texel` gives by surface and place in its patch of `size` texels.
    pub fn averaged(&self, sizes: &[[usize; 2]], texel: impl Fn(usize, usize, usize) -> f32 + Sync) -> Vec<f32> {
        let mean = |surface: usize| {
            let (grid, size) = (self.grids[surface], sizes[surface]);
            let (mut sums, mut counts) = (vec![0.0; grid.len()], vec![0.0_f32; grid.len()]);
            for y in 0..size[1] {
                for x in 0..size[0] {
                    let share = |texel: usize, count: usize| texel as f64 / (count - 1).max(1) as f64;
                    let cell = grid.at([share(x, size[0]), share(y, size[1])]) - grid.first;
                    sums[cell] += texel(surface, x, y);
                    counts[cell] += 1.0;
                }
            }
            sums.iter().zip(&counts).map(|(sum, count)| sum / count.max(1.0)).collect::<Vec<f32>>()
        };
        (0..self.grids.len()).into_par_iter().map(mean).collect::<Vec<_>>().concat()
    }
}

/// Mean reflectance of a print around a place, both and half of its size in shares of the surface's extent.
fn mean_reflectance(surface: &Surface, middle: [f64; 2], half: [f64; 2], print: &FacePrint, picture: &GreyImage) -> f32 {
    let size = surface.size();
    let span = |axis: usize, pixels: usize| {
        let at = |share: f64| (surface.start[axis] + size[axis] * share) / print.extent[axis] * pixels as f64;
        let first = (at(middle[axis] - half[axis]).max(0.0) as usize).min(pixels - 1);
        first..(at(middle[axis] + half[axis]) as usize).clamp(first + 1, pixels)
    };
    let (columns, rows) = (span(0, picture.width), span(1, picture.height));
    let count = (columns.len() * rows.len()) as f32;
    let sum: u32 = rows.flat_map(|y| picture.pixels[y * picture.width..][columns.clone()].iter()).map(|p| u32::from(*p)).sum();
    sum as f32 / (255.0 * count)
}

/// Who sees whom at one angle of the plate.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// By cell: the share of the room's light that arrives straight, below its varnish where it has one.
    room: Vec<f32>,
    /// By cell: where what it sees begins in `seen`; one more at the end.
    starts: Vec<u32>,
    /// Cells and their share of what a cell sees, weighted as it lights it.
    seen: Vec<(u32, f32)>,
    /// Cells that something lies upon.
    covered: Vec<bool>,
    /// Surfaces that have cells in parts.
    split: Vec<Gather>,
}

/// What is seen from places of a surface, of which some may need no look.
#[derive(Debug, Clone)]
pub(super) struct Gather {
    /// Which surface.
    pub surface: usize,
    grid: Grid,
    /// The places that look, by their number.
    parts: Vec<usize>,
    room: Vec<f32>,
    /// By part: where what it sees begins in `seen`; one more at the end.
    starts: Vec<u32>,
    /// Texels of light and their share.
    seen: Vec<(u32, f32)>,
    /// By place, all of the surface.
    covered: Vec<bool>,
    /// Number of a place that looks, and what it has of lamps.
    glints: Vec<(u32, Glint)>,
}

/// A lamp's image in something varnished, as another one mirrors it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glint {
    /// Index of the lamp.
    pub lamp: u32,
    /// Texel of light of what shows it, which knows how much of the lamp it sees.
    pub texel: u32,
    /// Radiance where it sees all of the lamp at full strength.
    pub radiance: f32,
}

impl Exchange {
    /// Casts the rays.
    pub fn cast(cells: &Cells, station: &Station) -> Self {
        let directions = directions();
        let views: Vec<View> = station
            .surfaces
            .par_iter()
            .flat_map_iter(|surface| {
                let (grid, directions) = (&cells.grids[surface.index], &directions);
                (0..grid.len()).map(move |i| station.view(cells, surface, grid.middle(i), directions))
            })
            .collect();
        let close: Vec<bool> = views.iter().map(|view| view.closeness > 1.0 / NEAR).collect();
        let mut exchange = Self { room: Vec::new(), starts: vec![0], seen: Vec::new(), covered: Vec::new(), split: Vec::new() };
        for view in views {
            exchange.room.push(view.room);
            exchange.covered.push(view.covered);
            exchange.seen.extend(view.seen.iter().map(|(spot, share)| (spot.cell, *share)));
            exchange.starts.push(exchange.seen.len() as u32);
        }
        let covered = &exchange.covered;
        // From above nobody sees what looks down; what is round has narrow cells as it is.
        let looked_at = |surface: &&Surface| {
            surface.print.is_some() && surface.is_flat() && (station.scene.glass.is_some() || surface.normal().z > -0.5)
        };
        let split = station.surfaces.par_iter().filter(looked_at).filter_map(|surface| {
            let grid = &cells.grids[surface.index];
            let open = |i: usize| close[grid.first + i] && grid.around(i).any(|j| !covered[grid.first + j]);
            Gather::close(cells, station, surface, (0..grid.len()).filter(|i| open(*i)).collect(), &directions)
        });
        exchange.split = split.collect();
        exchange
    }

    /// Light that arrives on the split surfaces by texel, where `arriving` has it by cell and `leaving` is the radiance of texels.
    pub fn gathered(&self, cells: &Cells, arriving: &[f32], leaving: &[f32], ambient: f32) -> Vec<(usize, Vec<f32>)> {
        let light = |split: &Gather| {
            let middles = |axis: usize| (0..split.grid.size[axis]).map(|i| (i as f32 + 0.5) / split.grid.size[axis] as f32).collect();
            let values = cells.grids[split.surface].between([middles(0), middles(1)], arriving).collect();
            (split.surface, split.texels(values, leaving, ambient, |_, _| 0.0))
        };
        self.split.par_iter().map(light).collect()
    }

    /// By cell: radiance of a white surface there under the room's light and what others scatter, where `direct` is its radiance under the lamps alone.
    pub fn arriving(&self, cells: &Cells, direct: &[f32], ambient: f32) -> Vec<f32> {
        let straight: Vec<f32> = self.room.iter().map(|share| share * ambient).collect();
        let mut arriving = straight.clone();
        for _ in 0..BOUNCES {
            let leaving = cells.leaving(direct, &arriving);
            for (cell, value) in arriving.iter_mut().enumerate() {
                let seen = &self.seen[self.starts[cell] as usize..self.starts[cell + 1] as usize];
                *value = straight[cell] + seen.iter().map(|(other, share)| share * leaving[*other as usize]).sum::<f32>();
            }
        }
        self.uncover(cells, &mut arriving);
        arriving
    }

    /// Gives covered cells what their open neighbours have, so that what lies beside the foot of a package isn't darkened by what it hides.
    fn uncover(&self, cells: &Cells, values: &mut [f32]) {
        for grid in &cells.grids {
            grid.uncover(&self.covered[grid.first..][..grid.len()], &mut values[grid.first..][..grid.len()]);
        }
    }
}

impl Grid {
    /// A cell and those around it.
    fn around(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        let [width, height] = self.size;
        let (column, row) = (i % width, i / width);
        (row.saturating_sub(1)..(row + 2).min(height))
            .flat_map(move |y| (column.saturating_sub(1)..(column + 2).min(width)).map(move |x| y * width + x))
    }

    fn uncover(&self, covered: &[bool], values: &mut [f32]) {
        if !covered.contains(&true) {
            return;
        }
        let mut open: Vec<bool> = covered.iter().map(|covered| !covered).collect();
        for _ in 0..2 {
            let known = open.clone();
            for i in (0..values.len()).filter(|i| !known[*i]) {
                let (sum, count) = self.around(i).filter(|j| known[*j]).fold((0.0, 0), |(sum, count), j| (sum + values[j], count + 1));
                if count > 0 {
                    (values[i], open[i]) = (sum / count as f32, true);
                }
            }
        }
    }
}

impl Gather {
    /// From the parts of these cells of a surface, if there are any.
    fn close(cells: &Cells, station: &Station, surface: &Surface, close: Vec<usize>, directions: &[Vec3]) -> Option<Self> {
        let whole = cells.grids[surface.index];
        let grid = Grid { first: 0, size: whole.size.map(|n| n * PARTS), ..whole };
        let first = |i: usize| (i / whole.size[0] * grid.size[0] + i % whole.size[0]) * PARTS;
        let part = |i: usize| first(i / (PARTS * PARTS)) + i / PARTS % PARTS * grid.size[0] + i % PARTS;
        let parts: Vec<usize> = close.iter().flat_map(|i| (0..PARTS * PARTS).map(move |of| part(i * PARTS * PARTS + of))).collect();
        (!parts.is_empty()).then(|| Self::of(surface, grid, parts, |place| station.view(cells, surface, place, directions)))
    }

    /// From places `edge` apart at most, all over a surface, each of which has this view.
    pub fn all_over(cells: &Cells, surface: &Surface, edge: f64, view: impl Fn([f64; 2]) -> View + Sync) -> Self {
        let size = surface.size().map(|extent| ((extent / edge).ceil() as usize).max(1));
        let grid = Grid { first: 0, size, ..cells.grids[surface.index] };
        Self::of(surface, grid, (0..grid.len()).collect(), view)
    }

    fn of(surface: &Surface, grid: Grid, parts: Vec<usize>, view: impl Fn([f64; 2]) -> View + Sync) -> Self {
        let views: Vec<View> = parts.par_iter().map(|part| view(grid.middle(*part))).collect();
        let (mut room, mut starts, mut seen, mut covered) = (Vec::with_capacity(parts.len()), vec![0], Vec::new(), vec![false; grid.len()]);
        let mut glints = Vec::new();
        for (i, (part, view)) in parts.iter().zip(views).enumerate() {
            glints.extend(view.glints.into_iter().map(|glint| (i as u32, glint)));
            covered[*part] = view.covered;
            room.push(view.room);
            seen.extend(view.seen.iter().map(|(spot, share)| (spot.texel, *share)));
            starts.push(seen.len() as u32);
        }
        Self { surface: surface.index, grid, parts, room, starts, seen, covered, glints }
    }

    /// Light that it finds, by texel of the surface; `values` is that of the places which don't look, `lit` the share of a lamp that a texel sees times its
    /// strength.
    pub fn texels(&self, mut values: Vec<f32>, leaving: &[f32], ambient: f32, lit: impl Fn(u32, u32) -> f32) -> Vec<f32> {
        values.resize(self.grid.len(), 0.0);
        for (i, part) in self.parts.iter().enumerate() {
            let seen = &self.seen[self.starts[i] as usize..self.starts[i + 1] as usize];
            values[*part] = self.room[i] * ambient + seen.iter().map(|(texel, share)| share * leaving[*texel as usize]).sum::<f32>();
        }
        for (i, glint) in &self.glints {
            values[self.parts[*i as usize]] += glint.radiance * lit(glint.lamp, glint.texel);
        }
        self.grid.uncover(&self.covered, &mut values);
        let edge_to_edge = |axis: usize| {
            let last = self.grid.patch.size[axis] - 1;
            (0..=last).map(|texel| texel as f32 / last as f32).collect()
        };
        self.grid.between([edge_to_edge(0), edge_to_edge(1)], &values).collect()
    }
}

/// Directions spread evenly over the sphere (Fibonacci's lattice), of unit length.
fn directions() -> Vec<Vec3> {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    let direction = |i: usize| {
        let z = 1.0 - (2.0 * i as f64 + 1.0) / DIRECTIONS as f64;
        let (sin, cos) = (libm::sin(golden * i as f64), libm::cos(golden * i as f64));
        let radius = (1.0 - z * z).sqrt();
        DVec3::new(radius * cos, radius * sin, z).as_vec3()
    };
    (0..DIRECTIONS).map(direction).collect()
}

/// What a place sees.
#[derive(Default)]
pub(super) struct View {
    /// Share of the room's light.
    pub room: f32,
    /// What it sees of surfaces, and their share.
    pub seen: Vec<(Spot, f32)>,
    /// Images of lamps in those.
    pub glints: Vec<Glint>,
    /// Whether something lies upon it.
    pub covered: bool,
    /// Mean of 1 ÷ distance to what is no room, 1/m.
    pub closeness: f32,
}

/// What rays end on.
pub(super) struct Station<'a> {
    boxes: &'a [ShadowBox],
    /// By body: the surfaces it has.
    skins: Vec<Vec<&'a Surface>>,
    /// The plate, if it is not of glass, and the table.
    plate: Option<&'a Surface>,
    table: Option<&'a Surface>,
    /// Inner wall of the rim, by angle, and its height, m.
    rim: Vec<&'a Surface>,
    rim_height: f32,
    plate_radius: f32,
    scene: &'a Scene,
    surfaces: &'a [Surface],
    /// What of the room's light comes up through a glass plate.
    upward: f32,
}

impl<'a> Station<'a> {
    /// `surfaces` and `boxes` are those of the scene in the rig's frame.
    pub fn new(scene: &'a Scene, surfaces: &'a [Surface], boxes: &'a [ShadowBox]) -> Self {
        let dirt = |glass: &Glass| DIRT_KEEPS * glass.dirt.as_ref().map_or(0.0, |dirt| dirt.mean());
        let upward = scene.glass.as_ref().map_or(1.0, |glass| glass.pane.diffuse_through() * (1.0 - dirt(glass)));
        // A film lights and is lit as what lies below it.
        let bare = || surfaces.iter().filter(|s| s.transmission >= 1.0);
        let skins = boxes
            .iter()
            .map(|body| {
                let of_package = || bare().filter(|s| s.owner == Some(body.package));
                let own: Vec<&Surface> = of_package().filter(|s| s.part == body.part).collect();
                if own.is_empty() { of_package().collect() } else { own }
            })
            .collect();
        let glass = scene.glass.is_some();
        let fixed = || bare().filter(|s| s.owner.is_none());
        let level = |s: &&Surface| s.normal().z > 0.99;
        let largest = |a: &&Surface, b: &&Surface| a.size()[0].total_cmp(&b.size()[0]);
        // The wall looks to the plate's axis.
        let walls = fixed().filter(|s| s.normal().z.abs() < 0.1 && s.normal().dot(s.point(s.middle())) < 0.0);
        let mut rim: Vec<&Surface> = walls.collect();
        rim.sort_by(|a, b| turn_of(a.point(a.middle()).as_vec3()).total_cmp(&turn_of(b.point(b.middle()).as_vec3())));
        let rim_height = rim.first().map_or(0.0, |s| (2.0 * s.point(s.middle()).z) as f32);
        Self {
            boxes,
            skins,
            plate: fixed().filter(|s| !glass && !s.below_plate).filter(level).max_by(largest),
            table: fixed().filter(|s| !glass && s.below_plate).filter(level).max_by(largest),
            rim,
            rim_height,
            plate_radius: scene.plate_radius as f32,
            scene,
            surfaces,
            upward: upward as f32,
        }
    }

    /// What a place of a surface, in shares of its extent, sees.
    fn view(&self, cells: &Cells, surface: &Surface, place: [f64; 2], directions: &[Vec3]) -> View {
        let (start, size) = (surface.start, surface.size());
        let uv = surface.on_facet([0, 1].map(|i| start[i] + size[i] * place[i]));
        let flat = surface.normal();
        let (normal, up) = (surface.normal_at(uv).as_vec3(), flat.as_vec3());
        let point = (surface.point(uv) + flat * LIFT).as_vec3();
        // The housing's floor sees the room through the plate of glass, the table around it nothing else.
        if self.scene.glass.is_some() && surface.below_plate {
            let room = if self.scene.is_floor(surface) { self.upward } else { 1.0 };
            return View { room, ..View::default() };
        }
        let near = self.before(surface, point, up);
        let (mut room, mut whole, mut closeness, mut seen) = (0.0, 0.0, 0.0, Vec::new());
        for direction in directions {
            let weight = normal.dot(*direction);
            if weight <= 0.0 || up.dot(*direction) <= 0.0 {
                continue;
            }
            whole += weight;
            match self.hit(cells, point, *direction, &near) {
                Hit::Room(share) => room += weight * share,
                Hit::Spot(spot) => {
                    closeness += weight / spot.distance.max(1e-3);
                    seen.push((spot, weight));
                }
                Hit::Dark => {}
            }
        }
        let scale = if whole > 0.0 { cells.grids[surface.index].enters / whole } else { 0.0 };
        seen.iter_mut().for_each(|(_, weight)| *weight *= scale);
        let covered = self.covered(point, up, &near);
        View { room: room * scale, seen, covered, closeness: closeness / whole.max(1e-6), ..View::default() }
    }

    /// Whether one of the bodies `near` lies upon a point of a surface.
    pub fn covered(&self, point: Vec3, up: Vec3, near: &[usize]) -> bool {
        near.iter().any(|i| self.boxes[*i].entered(point, up * COVERED).is_some())
    }

    /// The bodies that a point of a surface may see.
    pub fn before(&self, surface: &Surface, point: Vec3, up: Vec3) -> Vec<usize> {
        let seen = |i: &usize| {
            let body = &self.boxes[*i];
            let own = surface.owner == Some(body.package) && surface.part == body.part;
            !own && (body.centre - point).dot(up) > -body.radius
        };
        (0..self.boxes.len()).filter(seen).collect()
    }

    /// The surface that a ray of unit length ended on, the place and the normal there.
    pub fn met(&self, spot: &Spot, from: Vec3, ray: Vec3) -> (&'a Surface, DVec3, DVec3) {
        let (surface, point) = (&self.surfaces[spot.surface as usize], (from + ray * spot.distance).as_dvec3());
        (surface, point, surface.normal_at(place(surface, point)))
    }

    /// What a ray of unit length meets, where only the bodies `near` may stand in its way.
    pub fn hit(&self, cells: &Cells, from: Vec3, direction: Vec3, near: &[usize]) -> Hit {
        let step = direction * REACH;
        let mut nearest: Option<(f32, usize)> = None;
        for i in near {
            let body = &self.boxes[*i];
            let to_body = body.centre - from;
            let along = to_body.dot(direction);
            if along < -body.radius || to_body.length_squared() - along * along > body.radius * body.radius {
                continue;
            }
            if let Some(at) = body.entered(from, step)
                && nearest.is_none_or(|(best, _)| at < best)
            {
                nearest = Some((at, *i));
            }
        }
        // What no package stops before it.
        let free = |at: f32| nearest.is_none_or(|(best, _)| at < best);
        if let Some((at, wall)) = self.rim_hit(from, step).filter(|(at, _)| free(*at)) {
            return self.on(cells, wall, from + step * at, at);
        }
        for (level, below) in [(self.plate, false), (self.table, true)] {
            let Some(surface) = level else { continue };
            let at = (surface.origin.z as f32 - from.z) / step.z;
            let point = from + step * at;
            let within = below || point.truncate().length_squared() < self.plate_radius * self.plate_radius;
            if at > 0.0 && at < 1.0 && free(at) && within {
                // From below the plate is in the dark.
                return if step.z < 0.0 { self.on(cells, surface, point, at) } else { Hit::Dark };
            }
        }
        match nearest {
            Some((at, body)) if at > 0.0 => self.on_body(cells, body, from + step * at, direction, at),
            // It begins within a body.
            Some(_) => Hit::Dark,
            None if self.scene.glass.is_some() && direction.z < 0.0 => Hit::Room(self.upward),
            None => Hit::Room(1.0),
        }
    }

    /// Where a way from within the rim meets it.
    fn rim_hit(&self, from: Vec3, step: Vec3) -> Option<(f32, &'a Surface)> {
        let (p, d) = (from.truncate(), step.truncate());
        let (a, b, c) = (d.length_squared(), p.dot(d), p.length_squared() - self.plate_radius * self.plate_radius);
        // The plate's own rim has its segments a hair within the circle.
        if self.rim.is_empty() || c >= -1e-6 || a <= 0.0 {
            return None;
        }
        let at = (-b + (b * b - a * c).sqrt()) / a;
        let point = from + step * at;
        if at >= 1.0 || point.z < 0.0 || point.z > self.rim_height {
            return None;
        }
        let share = (turn_of(point) - turn_of(self.rim[0].point(self.rim[0].middle()).as_vec3())) / std::f32::consts::TAU;
        let count = self.rim.len();
        let segment = (share * count as f32).round().rem_euclid(count as f32) as usize;
        Some((at, self.rim[segment.min(count - 1)]))
    }

    fn on_body(&self, cells: &Cells, body: usize, point: Vec3, direction: Vec3, at: f32) -> Hit {
        let p = point.as_dvec3();
        let away = |s: &Surface| {
            let uv = place(s, p);
            let (end, from) = (s.extent, s.start);
            s.point([0, 1].map(|i| uv[i].clamp(from[i], end[i]))).distance_squared(p)
        };
        let facing = self.skins[body].iter().filter(|s| s.normal().as_vec3().dot(direction) < 0.0);
        let nearest = facing.map(|s| (away(s), *s)).min_by(|a, b| a.0.total_cmp(&b.0));
        nearest.map_or(Hit::Dark, |(_, surface)| self.on(cells, surface, point, at))
    }

    fn on(&self, cells: &Cells, surface: &Surface, point: Vec3, at: f32) -> Hit {
        let (uv, size) = (place(surface, point.as_dvec3()), surface.size());
        let share = [0, 1].map(|i| ((uv[i] - surface.start[i]) / size[i]).clamp(0.0, 1.0));
        let grid = &cells.grids[surface.index];
        Hit::Spot(Spot {
            surface: surface.index as u32,
            cell: grid.at(share) as u32,
            texel: grid.texel(share) as u32,
            distance: REACH * at,
        })
    }
}

/// What a ray ends on.
pub(super) enum Hit {
    /// The room, and what of its light comes from there.
    Room(f32),
    /// A surface.
    Spot(Spot),
    /// What nobody lights.
    Dark,
}

/// Where a ray ends on a surface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    surface: u32,
    cell: u32,
    /// The texel of light there.
    pub texel: u32,
    /// m.
    distance: f32,
}

/// Where a point lies on a surface, (u, v); the axes of facets are nearly at right angles.
fn place(surface: &Surface, point: DVec3) -> [f64; 2] {
    let from = point - surface.origin;
    [surface.right, surface.down].map(|axis| from.dot(axis) / axis.length_squared())
}

/// Angle of a point around the plate's axis, rad.
fn turn_of(point: Vec3) -> f32 {
    point.y.atan2(point.x)
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DQuat;

    use super::super::light::Atlas;
    use super::super::light::tests::floor_under;
    use super::super::scene::Occluder;
    use super::*;

    /// The floor with a wall along x, 1 m long, 20 mm thick and `height` high, that looks towards −y with this reflectance, and who sees whom there.
    fn beside_a_wall(height: f64, albedo: f64) -> (Scene, Cells, Exchange) {
        let half = DVec3::new(0.5, 0.01, height / 2.0);
        let translation = DVec3::Z * (height / 2.0);
        let wall = Occluder { package: 0, part: 0, convex: None, rotation: DQuat::IDENTITY, translation, half, round: false };
        let mut scene = floor_under(Vec::new(), vec![wall]);
        scene.surfaces.push(Surface {
            index: 1,
            origin: DVec3::new(-0.5, -0.01, height),
            down: DVec3::NEG_Z,
            extent: [1.0, height],
            albedo,
            owner: Some(0),
            cell: 0.0025,
            ..scene.surfaces[0].clone()
        });
        let cells = Atlas::new(&scene).unwrap().cells;
        let boxes: Vec<ShadowBox> = scene.occluders.iter().map(|o| ShadowBox::new(o, 0.0)).collect();
        let exchange = Exchange::cast(&cells, &Station::new(&scene, &scene.surfaces, &boxes));
        (scene, cells, exchange)
    }

    fn floor_cell(cells: &Cells, y: f64) -> usize {
        cells.grids[0].at([0.5, (0.2 - y) / 0.4])
    }

    #[test]
    fn a_wall_takes_the_part_of_the_room_that_it_stands_before() {
        let (_, cells, exchange) = beside_a_wall(0.05, 0.0);
        for y in [-0.03, -0.05, -0.1] {
            let cell = floor_cell(&cells, y);
            let place = cells.grids[0].middle(cell);
            // A long wall of height h at the distance d covers (1 − cos atan(h/d))/2 of what a level surface sees.
            let distance = -(0.2 - 0.4 * place[1]) - 0.01;
            let wanted = 1.0 - (1.0 - (0.05 / distance).atan().cos()) / 2.0;
            assert!((f64::from(exchange.room[cell]) - wanted).abs() < 0.015, "{} instead of {wanted} at {y}", exchange.room[cell]);
        }
        let floor = floor_under(Vec::new(), Vec::new());
        let open = Exchange::cast(&cells, &Station::new(&floor, &floor.surfaces, &[]));
        assert!(open.room.iter().all(|share| (share - 1.0).abs() < 1e-6) && open.seen.is_empty());
    }

    #[test]
    fn a_lit_floor_lights_the_foot_of_a_wall_and_the_wall_the_floor() {
        // Half of what the foot of a wall sees is floor; no light comes back to it from a black wall.
        let (_, cells, exchange) = beside_a_wall(0.1, 0.0);
        let lit: Vec<f32> = (0..cells.albedo.len()).map(|i| f32::from(u8::from(i < cells.grids[1].first))).collect();
        let foot = cells.grids[1].at([0.5, 0.95]);
        let arriving = exchange.arriving(&cells, &lit, 0.0);
        assert!((arriving[foot] - 0.25).abs() < 0.01, "{}", arriving[foot]);
        assert_eq!(arriving[floor_cell(&cells, -0.05)], 0.0);
        // A white one hands half of its light's share back.
        let (_, cells, exchange) = beside_a_wall(0.1, 1.0);
        let arriving = exchange.arriving(&cells, &lit, 0.0);
        let back = arriving[floor_cell(&cells, -0.03)];
        assert!((0.03..0.10).contains(&back), "{back}");
        // The room lights the foot from above, and once more by way of the floor, which itself sees less of it there.
        let dark = vec![0.0; lit.len()];
        let (_, cells, exchange) = beside_a_wall(0.1, 0.0);
        let room = exchange.arriving(&cells, &dark, 1.0)[foot];
        assert!((0.62..0.70).contains(&room), "{room}");
    }

    #[test]
    fn what_a_package_stands_on_has_the_light_beside_it() {
        let (_, cells, exchange) = beside_a_wall(0.05, 0.5);
        let under = floor_cell(&cells, 0.0);
        assert!(exchange.covered[under] && exchange.room[under] == 0.0);
        let arriving = exchange.arriving(&cells, &vec![0.0; cells.albedo.len()], 1.0);
        assert!((0.5..1.0).contains(&arriving[under]), "{}", arriving[under]);
    }

    #[test]
    fn values_of_cells_are_linear_between_their_middles() {
        let patch = Patch { at: [0; 2], size: [2; 2] };
        let cells = Cells {
            grids: vec![Grid { first: 1, size: [2, 1], enters: 1.0, patch }, Grid { first: 3, size: [1, 1], enters: 1.0, patch }],
            albedo: vec![0.0; 4],
            mirrors: vec![0.0; 4],
            texels: Vec::new(),
        };
        let values = [9.0, 1.0, 3.0, 5.0];
        assert_eq!(cells.interpolated(0, [5, 2], &values).collect::<Vec<_>>(), [1.0, 1.0, 2.0, 3.0, 3.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
        assert_eq!(cells.interpolated(1, [2, 2], &values).collect::<Vec<_>>(), [5.0; 4]);
        let means = cells.averaged(&[[4, 2], [2, 2]], |surface, x, y| (100 * surface + 10 * y + x) as f32);
        assert_eq!(means, [5.5, 7.5, 105.5]);
    }
}
