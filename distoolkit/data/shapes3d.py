"""A 3D-Shapes-like grid: one object in a coloured room, ray-cast here, no file needed.

Shape, light and shadow depend on scale, shape and orientation only: 480 scenes. For each of them the share of every
pixel that takes the colour of the floor, the walls, the object and the sky is cast once, on demand; a picture is
those four shares times four colours.

Camera, room and object sizes were fitted to silhouettes in the published animation of 3D Shapes (within 0.75
pixels); the light is by eye, and the faint textures of its walls and floor are left out.
"""

from __future__ import annotations

import functools
import threading
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.data.grid import Factor, rendered
from distoolkit.data.lazy import interleaved

VERSION = 1
GRID = (
    Factor("floor_hue", 10, "circular"),
    Factor("wall_hue", 10, "circular"),
    Factor("object_hue", 10, "circular"),
    Factor("scale", 8),
    Factor("shape", 4, "categorical", ("cube", "cylinder", "sphere", "capsule")),
    Factor("orientation", 15),
)
SCALES = np.linspace(0.75, 1.25, 8)
ORIENTATIONS = np.deg2rad(np.linspace(-30, 30, 15))
# HSV (k/10, 1, 1); the hues go once around the colour circle
HUES = np.array(
    [
        (255, 0, 0),
        (255, 153, 0),
        (204, 255, 0),
        (51, 255, 0),
        (0, 255, 102),
        (0, 255, 255),
        (0, 102, 255),
        (51, 0, 255),
        (204, 0, 255),
        (255, 0, 153),
    ],
    dtype=np.uint16,
)
SKY = np.array((153, 226, 249), dtype=np.uint16)
FLOOR, WALL, OBJECT, AIR = range(4)

# lengths in sides of the cube at scale 1
_FOCAL, _PITCH = 51.55, np.deg2rad(5.7)  # pixels; upward
_EYE = np.array((0, -2.80, 0.78))
_HALF_ROOM, _WALL_HEIGHT = np.array((9.4, 9.1)), 5.35  # to the side walls, to the back wall
_AMBIENT, _FRONT, _LAMP = 0.12, 0.83, 0.72
_ALBEDO = np.array((1.02, 1.04, 1.0))  # of floor, walls, object: with one hue they would else melt into each other
_RAYS = 2  # rays along each side of a pixel
_LAMP_POINTS = 12  # points of the lamp that a shadow is cast from: its soft edge

Array = npt.NDArray[np.float64]


def load(size: Literal[64, 32] = 64, sample: int | None = None, seed: int = 0) -> xr.Dataset:
    """Load the 3D-Shapes-like grid: 480,000 colour images.

    Factors: floor, wall and object hue 10 each, scale 8, shape 4 (cube, cylinder, sphere, capsule), orientation 15
    (-30 to 30 degrees). The hues are ``circular``: they go once around the colour circle in equal steps, so the
    last is as near to the first as to the one before it.

    Parameters
    ----------
    size
        Height and width in pixels; the 32-pixel images are the area means of the 64-pixel ones.
    sample
        This many distinct images, drawn at random, instead of the whole grid.
    seed
        For ``sample``.
    """
    draw = functools.partial(_compose, size=size)
    return rendered(draw, GRID, (size, size, 3), name="shapes3d", version=VERSION, size=size, sample=sample, seed=seed)


def _compose(factors: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    """Colour the scenes: (image, factor) to (image, size, size, 3)."""
    floor, wall, thing, *scene = factors.T
    shares = _scenes(size).get(np.ravel_multi_index(scene, [f.size for f in GRID[3:]]))
    colours = np.stack([HUES[floor], HUES[wall], HUES[thing], np.broadcast_to(SKY, (len(factors), 3))], axis=1)
    # planes of colour, so that the inner loop is long; shares add up to at most 256, so 16 bits hold the sum
    total = np.zeros((len(factors), 3, size * size), dtype=np.uint16)
    for surface in range(4):
        total += shares[:, surface, None, :] * colours[:, surface, :, None]
    total >>= 8
    return interleaved(total.astype(np.uint8).reshape(-1, 3, size, size))


class _Scenes:
    """The shares (scene, surface, pixel) in 1/256, cast when they are first asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.shares = np.zeros((len(SCALES) * 4 * len(ORIENTATIONS), 4, size * size), dtype=np.uint16)
        self.done = np.zeros(len(self.shares), dtype=bool)
        self.lock = threading.Lock()

    def get(self, scenes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
        with self.lock:
            for scene in np.unique(scenes[~self.done[scenes]]):
                scale, shape, turn = np.unravel_index(scene, [f.size for f in GRID[3:]])
                shares = cast(int(shape), float(SCALES[scale]), float(ORIENTATIONS[turn]), self.size)
                self.shares[scene] = np.floor(shares * 256).reshape(4, -1)
                self.done[scene] = True
        return self.shares[scenes]


@functools.cache
def _scenes(size: int) -> _Scenes:
    return _Scenes(size)


def cast(shape: int, scale: float, angle: float, size: int = 64) -> Array:
    """Cast one scene.

    Parameters
    ----------
    shape
        0 cube, 1 cylinder, 2 sphere, 3 capsule.
    angle
        Of the camera's orbit, in radians.

    Returns
    -------
    array
        (surface, size, size): how much of the colour of floor, wall, object and sky each pixel shows, in [0, 1].
    """
    depth, surface, light = _room(angle)
    # only the cube looks different from another side
    object_at, object_light, floor_light = _thing(shape, scale, angle if shape == 0 else 0.0)
    light = np.where(surface == FLOOR, floor_light, light)
    light = np.where(object_at < depth, object_light, light)
    surface = np.where(object_at < depth, OBJECT, surface)
    shares = np.stack([np.where(surface == s, light, 0) for s in range(4)])
    block = 64 * _RAYS // size
    return np.asarray(shares.reshape(4, size, block, size, block).mean(axis=(2, 4)))


@functools.lru_cache(maxsize=15)
def _room(angle: float) -> tuple[Array, npt.NDArray[np.int64], Array]:
    """Return the empty room's depth, surface and light along each ray."""
    rays = _camera_rays()
    wall_at, wall_normal = _walls(angle, rays)
    wall_at[_EYE[2] + wall_at * rays[:, 2] > _WALL_HEIGHT] = np.inf  # above the wall is the sky
    depth = np.stack([_floor_at(rays), wall_at])
    surface = np.where(np.isfinite(depth.min(axis=0)), depth.argmin(axis=0), AIR)
    light = np.where(surface == WALL, _shade(WALL, wall_normal), 1.0)
    return depth.min(axis=0), surface, light


@functools.lru_cache(maxsize=32)
def _thing(shape: int, scale: float, angle: float) -> tuple[Array, Array, Array]:
    """Return the object's depth and light along each ray, and the light of the floor that its shadow falls on."""
    rays = _camera_rays()
    object_at, normal = _object(shape, scale, angle, _EYE, rays)
    floor_at = _floor_at(rays)
    ground = np.isfinite(floor_at)
    points = _EYE + floor_at[ground, None] * rays[ground]
    light = np.zeros(len(rays))
    light[ground] = _shade(FLOOR, np.array((0.0, 0.0, 1.0)), _lit(shape, scale, angle, points))
    return object_at, _shade(OBJECT, np.where(np.isfinite(object_at)[:, None], normal, 0)), light


def _floor_at(rays: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.where(rays[:, 2] < 0, -_EYE[2] / rays[:, 2], np.inf)


@functools.cache
def _camera_rays() -> Array:
    """Return unit directions (ray, xyz), row by row; x to the right, y away from the camera, z up."""
    offset = (np.arange(64 * _RAYS) + 0.5) / _RAYS - 32
    x, down = np.meshgrid(offset / _FOCAL, offset / _FOCAL)
    sine, cosine = np.sin(_PITCH), np.cos(_PITCH)
    rays = np.stack([x, cosine + sine * down, sine - cosine * down], axis=-1).reshape(-1, 3)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def _unit(*vector: float) -> Array:
    return np.asarray(np.array(vector) / np.linalg.norm(vector))


# both lights turn with the camera, as the shadow does in 3D Shapes
_FRONT_LIGHT = _unit(0, -1, 0.25)
_LAMP_LIGHT = _unit(-0.45, 0, 1)


def _shade(surface: int, normal: Array, lit: Array | float = 1.0) -> Array:
    """Return Lambert's shading under ambient light, a light beside the camera and a lamp above on the left."""
    front = np.clip(normal @ _FRONT_LIGHT, 0, None)
    lamp = np.clip(normal @ _LAMP_LIGHT, 0, None)
    return np.asarray(np.minimum(_ALBEDO[surface] * (_AMBIENT + _FRONT * front + _LAMP * lamp * lit), 1.0))


def _lit(shape: int, scale: float, angle: float, points: Array) -> Array:
    """Return the share of the lamp that each point of the floor sees past the object."""
    lit = np.ones(len(points))
    # no shadow reaches beyond the unit disc (for scale 1) moved along the tallest object's shadow
    along = np.clip(points[:, 0] / scale, 0, 1.2)
    near = np.flatnonzero(np.hypot(points[:, 0] / scale - along, points[:, 1] / scale) < 1)
    spread = np.sqrt((np.arange(_LAMP_POINTS) + 0.5) / _LAMP_POINTS)
    turn = np.arange(_LAMP_POINTS) * np.pi * (3 - np.sqrt(5))  # a sunflower: even over the disc
    seen = np.zeros(len(near))
    for x, y in 0.16 * np.stack([spread * np.cos(turn), spread * np.sin(turn)], axis=-1):
        towards = _unit(_LAMP_LIGHT[0] + x, _LAMP_LIGHT[1] + y, _LAMP_LIGHT[2])
        distance, _ = _object(shape, scale, angle, points[near], np.broadcast_to(towards, (len(near), 3)))
        seen += ~np.isfinite(distance)
    lit[near] = seen / _LAMP_POINTS
    return lit


def _walls(angle: float, rays: Array) -> tuple[Array, Array]:
    """Return the distance to the wall of the room along each ray, and the wall's normal."""
    turn = _turn(angle)
    start, along = _EYE @ turn.T, rays @ turn.T
    sides = np.sign(along[:, :2])
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(sides != 0, (sides * _HALF_ROOM - start[:2]) / along[:, :2], np.inf)
    axis = distances.argmin(axis=1)
    normal = np.zeros_like(rays)
    each = np.arange(len(rays))
    normal[each, axis] = -sides[each, axis]
    return distances[each, axis], normal @ turn


def _turn(angle: float) -> Array:
    """Return the matrix that takes the camera's frame to the room's."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _object(shape: int, scale: float, angle: float, start: Array, rays: Array) -> tuple[Array, Array]:
    """Return the distance to the object along each ray (infinite where it is missed) and the normal there."""
    start = np.broadcast_to(start, rays.shape) / scale
    if shape == 0:
        turn = _turn(angle)
        distance, normal = _box(start @ turn.T, rays @ turn.T)
        normal = normal @ turn
    elif shape == 1:
        distance, normal = _cylinder(start, rays, radius=0.51, low=0.0, high=1.07, capped=True)
    elif shape == 2:
        distance, normal = _sphere(start, rays, radius=0.61, height=0.61)
    else:
        parts = [
            _cylinder(start, rays, radius=0.444, low=0.444, high=1.436, capped=False),
            _sphere(start, rays, radius=0.444, height=0.444),
            _sphere(start, rays, radius=0.444, height=1.436),
        ]
        distance, normal = functools.reduce(_nearer, parts)
    return distance * scale, normal


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("ij,ij->i", a, b))


def _nearer(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    first = a[0] <= b[0]
    return np.where(first, a[0], b[0]), np.where(first[:, None], a[1], b[1])


def _box(start: Array, rays: Array) -> tuple[Array, Array]:
    """Meet the unit cube that stands on the floor: the latest entry into its three slabs."""
    centre = start - (0, 0, 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        enter = (-0.5 * np.sign(rays) - centre) / rays
        leave = (0.5 * np.sign(rays) - centre) / rays
    enter = np.where(rays == 0, np.where(np.abs(centre) < 0.5, -np.inf, np.inf), enter)
    leave = np.where(rays == 0, np.inf, leave)
    axis = enter.argmax(axis=1)
    each = np.arange(len(rays))
    distance = enter[each, axis]
    normal = np.zeros_like(rays)
    normal[each, axis] = -np.sign(rays[each, axis])
    return np.where((distance < leave.min(axis=1)) & (distance > 0), distance, np.inf), normal


def _sphere(start: Array, rays: Array, *, radius: float, height: float) -> tuple[Array, Array]:
    """Meet a sphere whose centre is at ``height`` on the axis."""
    centre = start - (0, 0, height)
    b = _dot(centre, rays)
    inner = b**2 - _dot(centre, centre) + radius**2
    distance = -b - np.sqrt(np.maximum(inner, 0))
    hit = (inner > 0) & (distance > 0)
    normal = (centre + distance[:, None] * rays) / radius
    return np.where(hit, distance, np.inf), normal


def _cylinder(
    start: Array, rays: Array, *, radius: float, low: float, high: float, capped: bool
) -> tuple[Array, Array]:
    """Meet an upright cylinder from ``low`` to ``high``; with ``capped`` its upper lid as well."""
    level, along = start[:, :2], rays[:, :2]
    a, b = _dot(along, along), _dot(level, along)
    inner = b**2 - a * (_dot(level, level) - radius**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (-b - np.sqrt(np.maximum(inner, 0))) / a
        at = start + distance[:, None] * rays
    hit = (inner > 0) & (distance > 0) & (at[:, 2] >= low) & (at[:, 2] <= high)
    side = np.where(hit, distance, np.inf), at * (1, 1, 0) / radius
    if not capped:
        return side
    with np.errstate(divide="ignore", invalid="ignore"):
        lid = (high - start[:, 2]) / rays[:, 2]
        flat = level + lid[:, None] * along
    on_lid = (lid > 0) & (_dot(flat, flat) < radius**2)
    return _nearer(side, (np.where(on_lid, lid, np.inf), np.broadcast_to((0.0, 0.0, 1.0), rays.shape)))
