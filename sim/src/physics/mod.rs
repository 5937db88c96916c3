//! The drop: packages tumble onto the plate and come to rest.
//!
//! rapier3d with `enhanced-determinism`, fixed time step, fixed order of insertion, no trigonometry from the system: the same spec settles into
//! the same bits on every machine, and [`Settled::physics_hash`] says so.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use hardware_hal::Pose;
use hardware_hal::glam::{DQuat, DVec2, DVec3};
use rapier3d::prelude::{
    CoefficientCombineRule, ColliderBuilder, PhysicsWorld, Pose as PhysicsPose, RigidBodyBuilder, RigidBodyHandle, Rotation, Vector,
};
use sha2::{Digest, Sha256};

use crate::forms::Convex;
use crate::geometry::{PlacedBox, RIM_THICKNESS};
use crate::random::{Stream, Streams};
use crate::spec::{PackageSpec, Placement, PlateSpec, Shape, TwinSpec};

/// Time step, s.
const STEP: f64 = 1.0 / 480.0;
/// Steps from one moment of a film to the next.
const FILM_STEPS: u64 = 8;
/// How many packages fall together.
const GROUP: usize = 3;
/// A group's time to come to rest before the next one falls, and what the whole load gets at the end, s.
const GROUP_TIME: f64 = 2.0;
const FINAL_TIME: f64 = 6.0;
/// At rest: slower than this for [`REST_TIME`].
const REST_SPEED: f64 = 2e-3;
const REST_TURN: f64 = 0.04;
const REST_TIME: f64 = 0.2;
/// How often one package is dropped again before the load is refused.
const ATTEMPTS: u64 = 24;
/// Places tried for a package; the one farthest from its neighbours wins, as hands spread packages.
const CANDIDATES: usize = 10;
/// Friction between cartons (varnished board on board is 0.2 to 0.5).
const CARTON_FRICTION: f64 = 0.35;
const RESTITUTION: f64 = 0.1;
/// Angular damping of what is round, 1/s: a bottle set rolling at 0.1 m/s stops within some centimetres, as on a plate with a little give (assumption).
const ROLLING_DAMPING: f64 = 4.0;
/// What lies and rolls slower than this (m/s) is held by its label and the give of the plate: the speed halves in every step. The solver alone would
/// keep it creeping.
const CREEP: f64 = 0.02;
/// What wobbles on its foot slower than this (m/s at the foot's edge) loses a twentieth of its spin in every step; what tips over is faster still.
const WOBBLE: f64 = 0.1;
/// Lying, be it against something: the sine of the axis' angle against the plate is less than this. What tips over is faster by then.
const LYING: f64 = 0.5;
/// Segments of the rim.
const RIM_SEGMENTS: usize = 48;

/// A load at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// `plate_from_package`, in the order of [`TwinSpec::packages`].
    pub placements: Vec<Placement>,
    /// Simulated time until everything lay still, s.
    pub settle_time_s: f64,
    /// Packages that still moved when the time was up; their placements are where they were then.
    pub unsettled: Vec<usize>,
    /// How often a package had left the plate and was dropped again.
    pub redrops: usize,
    /// SHA-256 over the exact single-precision poses (x, y, z, then the quaternion's x, y, z, w; little-endian; package by package), in hex.
    pub physics_hash: String,
}

/// Why a load cannot be dropped.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PhysicsError {
    /// A number that is not positive (or, for friction, negative).
    #[error("{what} is {value}; a positive number is needed")]
    Value {
        /// Whose and which.
        what: String,
        /// What was given.
        value: f64,
    },
    /// A package that cannot lie on the plate.
    #[error("package {index} ({name:?}) is larger than the plate: its two longer edges span {:.0} mm, the plate has a diameter of {:.0} mm", diagonal * 1e3, diameter * 1e3)]
    LargerThanPlate {
        /// Index in the load.
        index: usize,
        /// The package's name.
        name: String,
        /// Diagonal of its largest face, m.
        diagonal: f64,
        /// The plate's diameter, m.
        diameter: f64,
    },
    /// More packages than the plate has room for.
    #[error("the load does not fit: with package {index} ({name:?}) the packages' largest faces add up to {:.0} cm², the plate has {:.0} cm²", footprint * 1e4, area * 1e4)]
    LoadTooLarge {
        /// Index of the first package that is too much.
        index: usize,
        /// Its name.
        name: String,
        /// Sum of largest faces up to it, m².
        footprint: f64,
        /// The plate's area, m².
        area: f64,
    },
    /// A package whose measures leave no solid.
    #[error("package {index} ({name:?}) has no solid body; its measures are too small or out of proportion")]
    NoBody {
        /// Index in the load.
        index: usize,
        /// The package's name.
        name: String,
    },
    /// A package that would not stay.
    #[error("package {index} ({name:?}) left the plate in each of {attempts} drops; the plate is too full or its rim too low")]
    LeavesPlate {
        /// Index in the load.
        index: usize,
        /// Its name.
        name: String,
        /// How often it was dropped.
        attempts: u64,
    },
}

/// Drops the packages of a spec onto its plate, a few at a time, and lets them come to rest. What has left the plate is dropped again.
///
/// # Errors
/// [`PhysicsError`] for sizes that are no sizes, a package larger than the plate, a load that does not fit, and a package that will not stay.
pub fn drop_load(spec: &TwinSpec) -> Result<Settled, PhysicsError> {
    drop_into(spec, &mut |_, _| {})
}

/// A moment of a drop.
#[derive(Debug, Clone, PartialEq)]
pub struct FallMoment {
    /// Time from the start, s.
    pub time_s: f64,
    /// `plate_from_package` of those that were dropped by then, in the order of [`TwinSpec::packages`].
    pub placements: Vec<Placement>,
}

/// [`drop_load`], and how it went: a moment every 60th of a second until everything lay still. The load comes to rest in the very same bits.
///
/// # Errors
/// As [`drop_load`].
pub fn film_load(spec: &TwinSpec) -> Result<(Settled, Vec<FallMoment>), PhysicsError> {
    let mut film = Vec::new();
    let settled = drop_into(spec, &mut |steps, drop| {
        if steps % FILM_STEPS == 0 {
            film.push(FallMoment { time_s: steps as f64 * STEP, placements: drop.placements() });
        }
    })?;
    film.retain(|moment| moment.time_s <= settled.settle_time_s);
    film.push(FallMoment { time_s: settled.settle_time_s, placements: settled.placements.clone() });
    Ok((settled, film))
}

fn drop_into(spec: &TwinSpec, watch: Watch) -> Result<Settled, PhysicsError> {
    check(spec)?;
    let mut drop = Drop::new(spec);
    let all: Vec<usize> = (0..spec.packages.len()).collect();
    for group in all.chunks(GROUP) {
        for &index in group {
            drop.throw(index)?;
        }
        drop.settle(GROUP_TIME, watch);
        drop.throw_again()?;
    }
    loop {
        drop.settle(FINAL_TIME, watch);
        if !drop.throw_again()? {
            break;
        }
    }
    Ok(drop.finish())
}

fn check(spec: &TwinSpec) -> Result<(), PhysicsError> {
    let positive = |what: String, value: f64| {
        if value.is_finite() && value > 0.0 { Ok(()) } else { Err(PhysicsError::Value { what, value }) }
    };
    positive("the plate's radius in m".into(), spec.plate.radius)?;
    positive("the plate's rim height in m".into(), spec.plate.rim_height)?;
    positive("the plate's friction".into(), spec.plate.friction)?;
    let diameter = 2.0 * spec.plate.radius;
    let area = std::f64::consts::PI * spec.plate.radius * spec.plate.radius;
    let mut footprint = 0.0;
    for (index, package) in spec.packages.iter().enumerate() {
        let mut size = package.shape.size();
        for edge in size {
            positive(format!("an edge of package {index} ({:?}) in m", package.name), edge)?;
        }
        positive(format!("the mass of package {index} ({:?}) in kg", package.name), package.mass)?;
        size.sort_by(f64::total_cmp);
        let diagonal = size[1].hypot(size[2]);
        if diagonal > diameter {
            return Err(PhysicsError::LargerThanPlate { index, name: package.name.clone(), diagonal, diameter });
        }
        footprint += size[1] * size[2];
        if footprint > area {
            return Err(PhysicsError::LoadTooLarge { index, name: package.name.clone(), footprint, area });
        }
    }
    Ok(())
}

/// Sees a drop after each step, with the steps so far.
type Watch<'a> = &'a mut dyn FnMut(u64, &Drop);

struct Drop<'a> {
    spec: &'a TwinSpec,
    streams: Streams,
    world: PhysicsWorld,
    /// In the order of the load; grows as packages are thrown for the first time.
    handles: Vec<RigidBodyHandle>,
    throws: Vec<u64>,
    steps: u64,
    /// Steps up to the last moment at which anything moved.
    moving_until: u64,
    redrops: usize,
}

impl<'a> Drop<'a> {
    fn new(spec: &'a TwinSpec) -> Self {
        let mut world = PhysicsWorld { gravity: Vector::new(0.0, 0.0, -9.81), ..PhysicsWorld::default() };
        let parameters = &mut world.integration_parameters;
        parameters.dt = STEP as f32;
        // Contact tolerances scale with this: 0.25 mm for packages of some centimetres, where the default of 1 m would allow 5 mm.
        parameters.length_unit = 0.05;
        parameters.num_solver_iterations = 8;
        // Recycled contacts may be stale by millimetres, and soft ones sink in as far: small boxes need neither.
        parameters.contact_recycling = false;
        parameters.contact_softness.natural_frequency = 120.0;
        parameters.static_contact_softness.natural_frequency = 240.0;
        build_plate(&mut world, &spec.plate);
        Self {
            spec,
            streams: Streams::new(spec.seed),
            world,
            handles: Vec::new(),
            throws: vec![0; spec.packages.len()],
            steps: 0,
            moving_until: 0,
            redrops: 0,
        }
    }

    /// Drops a package at a new seeded pose.
    fn throw(&mut self, index: usize) -> Result<(), PhysicsError> {
        let package = &self.spec.packages[index];
        let attempt = self.throws[index];
        if attempt >= ATTEMPTS {
            return Err(PhysicsError::LeavesPlate { index, name: package.name.clone(), attempts: attempt });
        }
        self.throws[index] += 1;
        let mut random = self.streams.stream("drop", &[index as u64, attempt]);
        let half = package.shape.half_extents();
        let place = self.free_place(index, half, &mut random);
        let orientation = random.orientation();
        let others = self.boxes().into_iter().enumerate().filter(|(i, _)| *i != index);
        let reach = half.length();
        // Above everything it could fall on, and above the rim.
        let top = others
            .filter(|(_, other)| other.pose.translation.truncate().distance(place) < reach + other.half.length())
            .flat_map(|(_, other)| other.corners().map(|c| c.z))
            .fold(self.spec.plate.rim_height, f64::max);
        let centre = place.extend(top + reach + random.uniform(0.01, 0.04));
        let pose = PhysicsPose::from_parts(vector(centre), rotation(orientation));
        let sideways = random.in_disc() * 0.1;
        let spin = DVec3::new(random.uniform(-4.0, 4.0), random.uniform(-4.0, 4.0), random.uniform(-4.0, 4.0));
        let velocity = vector(sideways.extend(-0.2));
        if let Some(body) = self.handles.get(index).and_then(|handle| self.world.bodies.get_mut(*handle)) {
            body.set_position(pose, true);
            body.set_linvel(velocity, true);
            body.set_angvel(vector(spin), true);
        } else {
            // What is round would roll for ever: its rolling resistance, as a damping.
            let damping = if is_round(&package.shape) { ROLLING_DAMPING as f32 } else { 0.3 };
            let body =
                RigidBodyBuilder::dynamic().pose(pose).linvel(velocity).angvel(vector(spin)).angular_damping(damping).ccd_enabled(true);
            let mut colliders = colliders(package).into_iter();
            let Some(first) = colliders.next() else {
                return Err(PhysicsError::NoBody { index, name: package.name.clone() });
            };
            let (handle, _) = self.world.insert(body, first);
            for collider in colliders {
                self.world.insert_collider(collider, Some(handle));
            }
            if let Some(body) = self.world.bodies.get_mut(handle) {
                // Asleep only what truly lies still (the unit is length_unit per second): a box on its edge tips slowly at first.
                body.activation_mut().normalized_linear_threshold = 0.02;
            }
            self.handles.push(handle);
        }
        Ok(())
    }

    /// The one of a few random places within the rim that is farthest from what lies or falls already.
    fn free_place(&self, index: usize, half: DVec3, random: &mut Stream) -> DVec2 {
        let mut edges = [half.x, half.y, half.z];
        edges.sort_by(f64::total_cmp);
        let own = (edges[1] * edges[1] + edges[2] * edges[2]).sqrt();
        let within = (self.spec.plate.radius - own).max(0.0);
        let others: Vec<(DVec2, f64)> = self
            .boxes()
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != index)
            .map(|(_, b)| (b.pose.translation.truncate(), b.half.length()))
            .collect();
        let mut best = (f64::NEG_INFINITY, DVec2::ZERO);
        for _ in 0..CANDIDATES {
            let place = random.in_disc() * within;
            let clearance = others.iter().map(|(p, r)| p.distance(place) - r - own).fold(f64::INFINITY, f64::min);
            if clearance > best.0 {
                best = (clearance, place);
            }
        }
        best.1
    }

    /// Steps until everything lies still or the time is up.
    fn settle(&mut self, seconds: f64, watch: Watch) {
        let needed = (REST_TIME / STEP).round() as u32;
        let mut still = 0;
        for _ in 0..(seconds / STEP) as u64 {
            self.world.step();
            self.stop_creeping();
            self.steps += 1;
            watch(self.steps, self);
            if self.moving().is_empty() {
                still += 1;
                if still >= needed {
                    return;
                }
            } else {
                still = 0;
                self.moving_until = self.steps;
            }
        }
    }

    /// Rolling resistance of what is round and lies.
    fn stop_creeping(&mut self) {
        for (handle, package) in self.handles.iter().zip(&self.spec.packages) {
            let Some(radius) = rolling_radius(&package.shape) else { continue };
            let Some(body) = self.world.bodies.get_mut(*handle).filter(|body| !body.is_sleeping()) else { continue };
            let axis = *body.rotation() * Vector::new(0.0, 1.0, 0.0);
            // A pouch gives wherever it is touched.
            let gives = matches!(package.shape, Shape::Pouch { .. }) || f64::from(axis.z.abs()) < LYING;
            let (speed, turn) = (body.linvel(), body.angvel());
            let slow = f64::from(speed.length()) < CREEP && f64::from(turn.length()) * radius < CREEP;
            if slow && gives {
                body.set_linvel(speed * 0.5, false);
                body.set_angvel(turn * 0.5, false);
            } else if f64::from(turn.length()) * radius < WOBBLE {
                body.set_angvel(turn * 0.95, false);
            }
        }
    }

    fn moving(&self) -> Vec<usize> {
        let is_moving = |handle: &RigidBodyHandle| {
            self.world.bodies.get(*handle).is_some_and(|body| {
                let (speed, turn) = (f64::from(body.linvel().length()), f64::from(body.angvel().length()));
                // A number that is none counts as moving.
                !(body.is_sleeping() || (speed < REST_SPEED && turn < REST_TURN))
            })
        };
        self.handles.iter().enumerate().filter(|(_, handle)| is_moving(handle)).map(|(index, _)| index).collect()
    }

    /// Drops again whatever hangs over the rim or lies outside; says whether anything did.
    fn throw_again(&mut self) -> Result<bool, PhysicsError> {
        let limit = self.spec.plate.radius + RIM_THICKNESS;
        let inside = |c: DVec3| c.truncate().length() <= limit && c.z > -0.01;
        // What is made of parts fills its box badly: its own corners count.
        let stays = |index: usize, b: &PlacedBox| match self.spec.packages[index].shape.model() {
            None => b.corners().into_iter().all(inside),
            Some(model) => model.colliders.iter().flat_map(|part| &part.corners).all(|c| inside(b.pose.transform_point(*c))),
        };
        let lost: Vec<usize> = self.boxes().iter().enumerate().filter(|(index, b)| !stays(*index, b)).map(|(index, _)| index).collect();
        for index in &lost {
            self.throw(*index)?;
            self.redrops += 1;
        }
        Ok(!lost.is_empty())
    }

    /// What has been thrown, where it is now.
    fn boxes(&self) -> Vec<PlacedBox> {
        self.handles
            .iter()
            .zip(&self.spec.packages)
            .map(|(handle, package)| {
                let pose = self.world.bodies.get(*handle).map_or(Pose::IDENTITY, |body| {
                    let (t, r) = (body.translation().to_array(), body.rotation().to_array());
                    Pose { rotation: DQuat::from_array(r.map(f64::from)).normalize(), translation: DVec3::from_array(t.map(f64::from)) }
                });
                PlacedBox { pose, half: package.shape.half_extents() }
            })
            .collect()
    }

    fn placements(&self) -> Vec<Placement> {
        self.boxes().iter().map(|b| Placement { rotation: b.pose.rotation, translation: b.pose.translation }).collect()
    }

    fn finish(self) -> Settled {
        let mut hash = Sha256::new();
        for body in self.handles.iter().filter_map(|handle| self.world.bodies.get(*handle)) {
            for value in body.translation().to_array().iter().chain(&body.rotation().to_array()) {
                hash.update(value.to_bits().to_le_bytes());
            }
        }
        let physics_hash = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Settled {
            placements: self.placements(),
            settle_time_s: self.moving_until as f64 * STEP,
            unsettled: self.moving(),
            redrops: self.redrops,
            physics_hash,
        }
    }
}

/// The plate as a slab that goes on outside the rim (what lands there is dropped again), and the rim as a ring of blocks.
fn build_plate(world: &mut PhysicsWorld, plate: &PlateSpec) {
    // Carton × this, multiplied, is the friction that the spec states for plate against package.
    let friction = (plate.friction / CARTON_FRICTION) as f32;
    let fixed = |collider: ColliderBuilder| {
        collider.friction(friction).friction_combine_rule(CoefficientCombineRule::Multiply).restitution(RESTITUTION as f32)
    };
    let wide = (3.0 * plate.radius) as f32;
    world.insert_collider(fixed(ColliderBuilder::cuboid(wide, wide, 0.05).translation(Vector::new(0.0, 0.0, -0.05))), None);
    let step = std::f64::consts::TAU / RIM_SEGMENTS as f64;
    // The blocks' inner faces are chords of the plate's circle. They are thicker than the rim, so that nothing is pressed through.
    let (apothem, half_depth) = (plate.radius * libm::cos(step / 2.0), 0.01);
    let half_width = (plate.radius + 2.0 * half_depth) * libm::tan(step / 2.0);
    for segment in 0..RIM_SEGMENTS {
        let angle = segment as f64 * step;
        let centre = DVec3::new(libm::cos(angle), libm::sin(angle), 0.0) * (apothem + half_depth) + DVec3::Z * (plate.rim_height / 2.0);
        let turn = DQuat::from_xyzw(0.0, 0.0, libm::sin(angle / 2.0), libm::cos(angle / 2.0));
        let block = ColliderBuilder::cuboid(half_depth as f32, half_width as f32, (plate.rim_height / 2.0) as f32)
            .position(PhysicsPose::from_parts(vector(centre), rotation(turn)));
        world.insert_collider(fixed(block), None);
    }
}

/// What a package is to the engine: its convex solids with their shares of the mass, by volume.
fn colliders(package: &PackageSpec) -> Vec<ColliderBuilder> {
    let half = package.shape.half_extents();
    let of_mass =
        |collider: ColliderBuilder, mass: f64| collider.mass(mass as f32).friction(CARTON_FRICTION as f32).restitution(RESTITUTION as f32);
    match package.shape {
        Shape::Carton { .. } => vec![of_mass(ColliderBuilder::cuboid(half.x as f32, half.y as f32, half.z as f32), package.mass)],
        Shape::Bottle { radius, height } => {
            vec![of_mass(ColliderBuilder::cylinder((height / 2.0) as f32, radius as f32), package.mass)]
        }
        _ => {
            let Some(model) = package.shape.model() else { return Vec::new() };
            let volume = model.volume();
            let solid = |part: &Convex| {
                let corners: Vec<Vector> = part.corners.iter().map(|c| vector(*c)).collect();
                Some(of_mass(ColliderBuilder::convex_hull(&corners)?, package.mass * part.volume / volume))
            };
            model.colliders.iter().filter_map(solid).collect()
        }
    }
}

/// Whether a shape rolls.
fn is_round(shape: &Shape) -> bool {
    rolling_radius(shape).is_some()
}

/// The radius on which a shape rolls or rocks, m.
fn rolling_radius(shape: &Shape) -> Option<f64> {
    match *shape {
        Shape::Bottle { radius, .. } | Shape::Tube { radius, .. } => Some(radius),
        Shape::Pouch { size } => Some(size[0].min(size[1]) / 2.0),
        Shape::Carton { .. } | Shape::Sleeve { .. } | Shape::Tray { .. } => None,
    }
}

fn vector(v: DVec3) -> Vector {
    Vector::from_array(v.to_array().map(|x| x as f32))
}

fn rotation(q: DQuat) -> Rotation {
    Rotation::from_array(q.to_array().map(|x| x as f32))
}
