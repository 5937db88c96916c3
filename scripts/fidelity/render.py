#!/usr/bin/env python3
"""Draws the windows of scenes that `tracetwin fidelity export` wrote with Mitsuba 3.

    render.py FOLDER [--samples 256]

Adds to each scene's folder mitsuba-NNN.f32 and mitsuba-overview.f32 (light on the sensor, 32 bit little endian, row by row) and mitsuba.json. What is
there already is not drawn again. Interreflections and the shadowing of the surroundings are in these pictures; nothing is shared with the twin's renderer
but the scene file.
"""
import argparse
import json
import math
import os
import sys
import time

import mitsuba as mi
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--samples", type=int, default=256)
parser.add_argument("--variant", default="llvm_ad_mono")
options = parser.parse_args()
mi.set_variant(options.variant)

PASSES = 16
# Noise of a picture, as a share of what it shows in its middle brightness, that is small beside a camera's (2 % of paper in the demo's shadows); and what is
# not worth it to get there.
QUIET = 0.008
MOST_PASSES = 256


def leaves(varnish):
    """What a varnished base of reflectance 1 reflects at a right angle, under light at a right angle, as a share of white, mirrored light apart."""
    bsdf = mi.load_dict({**varnish, "specular_reflectance": {"type": "rgb", "value": 0.0}, "diffuse_reflectance": {"type": "rgb", "value": 1.0}})
    seen = mi.SurfaceInteraction3f()
    seen.wi = mi.Vector3f(0.0, 0.0, 1.0)
    seen.sh_frame = mi.Frame3f(mi.Normal3f(0.0, 0.0, 1.0))
    return math.pi * float(np.array(bsdf.eval(mi.BSDFContext(), seen, mi.Vector3f(0.0, 0.0, 1.0))).ravel()[0])


def write_ply(path, surface):
    origin, right, down = (np.array(surface[k]) for k in ("origin", "right", "down"))
    outline, extent = surface["outline"], surface["extent"]
    lines = ["ply", "format ascii 1.0", f"element vertex {len(outline)}"]
    lines += [f"property double {k}" for k in ("x", "y", "z", "u", "v")]
    lines += [f"element face {len(outline) - 2}", "property list uchar int vertex_indices", "end_header"]
    for u, v in outline:
        p = origin + right * u + down * v
        lines.append(" ".join(repr(float(x)) for x in (*p, u / extent[0], v / extent[1])))
    lines += [f"3 0 {i + 1} {i}" for i in range(1, len(outline) - 1)]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def reflector(folder, surface):
    gloss = surface["gloss"]
    scale = 1.0
    if gloss > 0.0:
        root = math.sqrt(gloss)
        # Slopes of standard deviation 0.05: Beckmann's alpha is √2 times that.
        varnish = {"type": "roughplastic", "distribution": "beckmann", "alpha": 0.05 * math.sqrt(2.0), "int_ior": (1.0 + root) / (1.0 - root), "ext_ior": 1.0, "nonlinear": False}
        # A plastic scatters less than its base reflects. The print's reflectance is what leaves at a right angle.
        scale = 1.0 / leaves(varnish)
    if surface["texture"]:
        colour = {"type": "bitmap", "filename": os.path.join(folder, surface["texture"]), "raw": True, "filter_type": "nearest", "wrap_mode": "clamp"}
        if scale != 1.0:
            bitmap = np.array(mi.Bitmap(colour["filename"])).astype(np.float32) / 255.0 * scale
            colour = {"type": "bitmap", "bitmap": mi.Bitmap(bitmap.reshape(*bitmap.shape[:2], 1)), "raw": True, "filter_type": "nearest", "wrap_mode": "clamp"}
    else:
        colour = {"type": "rgb", "value": surface["albedo"] * scale}
    if gloss > 0.0:
        return {**varnish, "diffuse_reflectance": colour}
    return {"type": "diffuse", "reflectance": colour}


def sensor(camera, size, crop, samples):
    right, down, forward, eye = (np.array(camera[k]) for k in ("right", "down", "forward", "eye"))
    # Mitsuba's camera looks along +z with +x to the left of its picture and +y up.
    to_world = np.eye(4)
    to_world[:3, 0], to_world[:3, 1], to_world[:3, 2], to_world[:3, 3] = -right, -down, forward, eye
    width, height = camera["size_px"]
    # Pixels are counted from their centres in the file, from their corners here.
    cx, cy = (camera["principal_px"][i] + 0.5 for i in (0, 1))
    film = {"type": "hdrfilm", "width": size[0], "height": size[1], "pixel_format": "luminance", "component_format": "float32", "rfilter": {"type": "box"}}
    if crop:
        film.update(crop_offset_x=crop["x"], crop_offset_y=crop["y"], crop_width=crop["width"], crop_height=crop["height"])
    return {
        "type": "perspective",
        "fov_axis": "x",
        "fov": math.degrees(2.0 * math.atan(0.5 * width / camera["focal_px"][0])),
        "principal_point_offset_x": cx / width - 0.5,
        "principal_point_offset_y": cy / height - 0.5,
        "near_clip": 0.01,
        "far_clip": 100.0,
        "to_world": mi.ScalarTransform4f(to_world.tolist()),
        "film": film,
        "sampler": {"type": "multijitter", "sample_count": samples},
    }


def draw(scene, camera, path, samples, seed):
    """In passes, whose mean is taken with outliers cut: a lamp's mirror image found by chance is no noise of a real camera. Leaving out the brightest and darkest
    passes instead takes 1 to 3 % of the light, since what paths find is skewed. What varnish mirrors onto a neighbour is found by few paths; where a picture's
    own noise would be seen in a frame, it is drawn with more of them."""
    if os.path.exists(path):
        return
    passes = np.empty((0,))
    while True:
        done = len(passes)
        more = [np.array(mi.render(scene, sensor=camera, spp=samples // PASSES, seed=16 * PASSES * seed + done + i)).squeeze() for i in range(max(done, PASSES))]
        passes = np.stack([*passes, *more])
        median = np.median(passes, axis=0)
        spread = 1.48 * np.median(np.abs(passes - median), axis=0)
        cut = np.minimum(passes, median + 5.0 * spread)
        picture = cut.mean(axis=0).astype("<f4")
        noise = np.sqrt(np.mean(cut.var(axis=0) / len(cut))) / max(np.median(picture), 1e-6)
        if noise < QUIET or len(passes) >= MOST_PASSES:
            break
    picture.tofile(path + ".tmp")
    os.replace(path + ".tmp", path)


for name in sorted(os.listdir(options.folder)):
    folder = os.path.join(options.folder, name)
    if not os.path.exists(os.path.join(folder, "scene.json")):
        continue
    begun = time.time()
    with open(os.path.join(folder, "scene.json")) as file:
        description = json.load(file)
    wanted = [f"mitsuba-{i:03}.f32" for i in range(len(description["windows"]))] + ["mitsuba-overview.f32", "mitsuba.json"]
    if all(os.path.exists(os.path.join(folder, one)) for one in wanted):
        continue
    parts = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": 6},
        "surroundings": {"type": "constant", "radiance": {"type": "rgb", "value": description["ambient"]}},
    }
    for i, lamp in enumerate(description["lamps"]):
        parts[f"lamp{i}"] = {"type": "sphere", "center": lamp["position"], "radius": lamp["radius"], "light": {"type": "area", "radiance": {"type": "rgb", "value": lamp["radiance"]}}}
    materials = {}
    for i, surface in enumerate(description["surfaces"]):
        path = os.path.join(folder, f"surface-{i:03}.ply")
        write_ply(path, surface)
        key = (surface["texture"], surface["albedo"], surface["gloss"])
        if key not in materials:
            materials[key] = f"material{len(materials)}"
            parts[materials[key]] = {"type": "twosided", "id": materials[key], "bsdf": reflector(folder, surface)}
        parts[f"surface{i}"] = {"type": "ply", "filename": path, "face_normals": True, "bsdf": {"type": "ref", "id": materials[key]}}
    scene = mi.load_dict(parts)
    camera = description["camera"]
    width, height = camera["size_px"]
    for i, window in enumerate(description["windows"]):
        view = mi.load_dict(sensor(camera, (width, height), window, options.samples // PASSES))
        draw(scene, view, os.path.join(folder, f"mitsuba-{i:03}.f32"), options.samples, 100 * description["seed"] + i)
    step = description["overview"]
    view = mi.load_dict(sensor(camera, (width // step, height // step), None, 256 // PASSES))
    draw(scene, view, os.path.join(folder, "mitsuba-overview.f32"), 256, 7)
    with open(os.path.join(folder, "mitsuba.json"), "w") as file:
        json.dump({"version": mi.__version__, "variant": options.variant, "samples": options.samples, "seconds": time.time() - begun}, file)
    for i in range(len(description["surfaces"])):
        os.remove(os.path.join(folder, f"surface-{i:03}.ply"))
    print(f"{name}: {len(description['windows'])} windows in {time.time() - begun:.0f} s", file=sys.stderr)
