//! Where a camera is and how it maps the world to pixels.
//!
//! **Rig frame**: origin at the centre of the plate's upper surface, z up, right-handed, metres. The turntable's axis is z; its angle is
//! positive counter-clockwise seen from above. **Camera frame**: origin at the centre of projection, x right, y down, z forward (OpenCV).

use glam::{DAffine3, DMat3, DQuat, DVec2, DVec3};
use serde::{Deserialize, Serialize};

/// A rigid transform. Names say what it does: `camera_from_rig` takes rig coordinates to camera coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Unit quaternion (x, y, z, w).
    pub rotation: DQuat,
    /// Metres.
    pub translation: DVec3,
}

impl Pose {
    /// The transform that changes nothing.
    pub const IDENTITY: Self = Self { rotation: DQuat::IDENTITY, translation: DVec3::ZERO };

    /// Maps a point.
    pub fn transform_point(&self, point: DVec3) -> DVec3 {
        self.rotation * point + self.translation
    }

    /// The inverse: `b_from_a` of an `a_from_b`.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let rotation = self.rotation.inverse();
        Self { rotation, translation: -(rotation * self.translation) }
    }

    /// `a_from_b.then_from(b_from_c)` is `a_from_c`.
    #[must_use]
    pub fn then_from(&self, inner: &Self) -> Self {
        Self { rotation: (self.rotation * inner.rotation).normalize(), translation: self.transform_point(inner.translation) }
    }

    /// As a matrix.
    pub fn to_affine(&self) -> DAffine3 {
        DAffine3::from_rotation_translation(self.rotation, self.translation)
    }

    /// `camera_from_rig` of a camera at `eye` looking at `target` (rig frame, metres); `up` is the rig direction that shall point up in the
    /// picture and must not be parallel to the line of sight.
    pub fn look_at(eye: DVec3, target: DVec3, up: DVec3) -> Self {
        let forward = (target - eye).normalize();
        let right = forward.cross(up).normalize();
        let down = forward.cross(right);
        // The rows of camera_from_rig are the camera's axes in rig coordinates.
        let rotation = DQuat::from_mat3(&DMat3::from_cols(right, down, forward).transpose());
        Self { rotation, translation: -(rotation * eye) }
    }
}

/// Rotation of what lies on the plate about the turntable's axis: `rig_from_plate` at `angle_rad`.
pub fn rig_from_plate(angle_rad: f64) -> Pose {
    Pose { rotation: DQuat::from_rotation_z(angle_rad), translation: DVec3::ZERO }
}

/// Pinhole with Brown–Conrady distortion, in pixels; (0, 0) is the centre of the top-left pixel, x right, y down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Intrinsics {
    /// Width and height of the picture, px.
    pub size_px: [u32; 2],
    /// Focal lengths, px.
    pub focal_px: [f64; 2],
    /// Principal point, px.
    pub principal_px: [f64; 2],
    /// k1, k2, p1, p2, k3 in OpenCV's order; zero for none.
    pub distortion: [f64; 5],
}

impl Intrinsics {
    /// A pinhole without distortion whose principal point is the middle of the picture.
    pub fn pinhole(width: u32, height: u32, focal_px: f64) -> Self {
        Self {
            size_px: [width, height],
            focal_px: [focal_px; 2],
            principal_px: [(f64::from(width) - 1.0) / 2.0, (f64::from(height) - 1.0) / 2.0],
            distortion: [0.0; 5],
        }
    }
}

/// Everything that says where a rig point lands in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The mapping from camera frame to pixels.
    pub intrinsics: Intrinsics,
    /// The extrinsics.
    pub camera_from_rig: Pose,
}

impl Calibration {
    /// Pixel of a point in the rig frame (metres); `None` for points in or behind the camera's plane.
    ///
    /// Brown–Conrady as in OpenCV's `projectPoints`.
    pub fn project(&self, point_in_rig: DVec3) -> Option<DVec2> {
        let p = self.camera_from_rig.transform_point(point_in_rig);
        if p.z <= 1e-6 {
            return None;
        }
        let [k1, k2, p1, p2, k3] = self.intrinsics.distortion;
        let (x, y) = (p.x / p.z, p.y / p.z);
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        let xd = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x);
        let yd = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y;
        let i = &self.intrinsics;
        Some(DVec2::new(i.focal_px[0] * xd + i.principal_px[0], i.focal_px[1] * yd + i.principal_px[1]))
    }

    /// The camera's centre of projection in the rig frame, metres.
    pub fn eye(&self) -> DVec3 {
        self.camera_from_rig.inverse().translation
    }
}
