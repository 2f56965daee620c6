//! Lines, discs and fills: collects a frame's shapes into one mesh with a material of its own.
//!
//! The field is a vector drawing that changes every frame, so it is written anew every frame: a few thousand vertices, one draw
//! call per layer, no entity per spark. The shader smooths edges and adds the halo, so lines are as crisp on a software renderer
//! as on a large card.
//!
//! Flow: [`super::field`], [`super::ships`], [`super::effects`] → [`Ink`] → `ink.wgsl` → bloom.

use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    camera::visibility::NoFrustumCulling,
    math::{Vec2, Vec3, Vec4},
    mesh::{Indices, MeshVertexAttribute, MeshVertexBufferLayoutRef, PrimitiveTopology},
    prelude::*,
    render::render_resource::{
        AsBindGroup, BlendComponent, BlendFactor, BlendOperation, BlendState, RenderPipelineDescriptor,
        SpecializedMeshPipelineError, VertexFormat,
    },
    shader::ShaderRef,
    sprite_render::{AlphaMode2d, Material2d, Material2dKey, Material2dPlugin},
};
use std::f32::consts::TAU;

/// Registers the material and its shader.
pub(super) struct InkPlugin;

impl Plugin for InkPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "ink.wgsl");
        app.add_plugins(Material2dPlugin::<InkMaterial>::default());
    }
}

/// The material of every layer.
#[derive(Asset, AsBindGroup, TypePath, Clone, Debug)]
pub(super) struct InkMaterial {
    /// x: strength of halos. y: strength of cores.
    #[uniform(0)]
    pub(super) gain: Vec4,
}

impl Material2d for InkMaterial {
    fn vertex_shader() -> ShaderRef {
        SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        SHADER.into()
    }

    fn alpha_mode(&self) -> AlphaMode2d {
        AlphaMode2d::Blend
    }

    fn specialize(
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        _key: Material2dKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.vertex.buffers = vec![layout.0.get_layout(&[
            Mesh::ATTRIBUTE_POSITION.at_shader_location(0),
            Mesh::ATTRIBUTE_UV_0.at_shader_location(1),
            Mesh::ATTRIBUTE_COLOR.at_shader_location(2),
            STYLE.at_shader_location(3),
        ])?];
        // Colours leave the shader multiplied by their opacity, so that one draw call can hide (alpha 1) and glow (alpha 0).
        let premultiplied = BlendComponent {
            src_factor: BlendFactor::One,
            dst_factor: BlendFactor::OneMinusSrcAlpha,
            operation: BlendOperation::Add,
        };
        if let Some(fragment) = &mut descriptor.fragment {
            for target in fragment.targets.iter_mut().flatten() {
                target.blend = Some(BlendState { color: premultiplied, alpha: premultiplied });
            }
        }
        Ok(())
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    /// Linear light; above 1 it blooms.
    pub(super) light: Vec3,
    /// 0 to 1.
    pub(super) alpha: f32,
    /// Half the width of the core, tiles.
    pub(super) half: f32,
    /// How far the halo reaches beyond the core, tiles.
    pub(super) glow: f32,
    /// Strength of the halo next to the core.
    pub(super) halo: f32,
    /// Share of white in the core.
    pub(super) hot: f32,
    /// 1 hides what lies beneath, 0 only adds light.
    pub(super) cover: f32,
}

impl Pen {
    /// Returns a pen that draws a neon line: a hiding core `width` tiles wide and a halo of the same hue.
    pub(super) const fn neon(light: Vec3, width: f32) -> Self {
        Self { light, alpha: 1.0, half: width * 0.5, glow: width * 3.0, halo: 0.35, hot: 0.0, cover: 1.0 }
    }

    /// Returns a pen that draws a plain line without a halo.
    pub(super) const fn plain(light: Vec3, width: f32) -> Self {
        Self { light, alpha: 1.0, half: width * 0.5, glow: 0.0, halo: 0.0, hot: 0.0, cover: 1.0 }
    }

    /// Returns a pen that only adds light.
    pub(super) const fn beam(light: Vec3, width: f32) -> Self {
        Self { light, alpha: 1.0, half: width * 0.5, glow: width * 3.0, halo: 0.5, hot: 0.6, cover: 0.0 }
    }

    /// Returns this pen at `alpha`.
    pub(super) const fn faded(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// Returns this pen with `hot` of white in its core.
    pub(super) const fn hot(self, hot: f32) -> Self {
        Self { hot, ..self }
    }

    /// Returns this pen with a halo `glow` tiles wide and `halo` strong.
    pub(super) const fn glowing(self, glow: f32, halo: f32) -> Self {
        Self { glow, halo, ..self }
    }
}

/// The shapes of one layer, ready to become a mesh.
#[derive(Default)]
pub(super) struct Ink {
    positions: Vec<[f32; 3]>,
    uvs: Vec<[f32; 2]>,
    colors: Vec<[f32; 4]>,
    styles: Vec<[f32; 4]>,
    indices: Vec<u32>,
}

impl Ink {
    /// Draws a line through `points`, closed to a loop on request.
    pub(super) fn line(&mut self, points: &[Vec2], closed: bool, pen: Pen) {
        let last = points.len().saturating_sub(1);
        self.ribbon(points.len(), closed, |i| (points[i.min(last)], pen));
    }

    /// Draws a line whose pen may change from point to point.
    pub(super) fn ribbon(&mut self, count: usize, closed: bool, nib: impl Fn(usize) -> (Vec2, Pen)) {
        if count < 2 {
            return;
        }
        let span = |from: usize, to: usize| (nib(to).0 - nib(from).0).normalize_or_zero();
        // Pairs of vertices by which the line comes into its first point and has left the last one so far.
        let (mut begin, mut left): (Option<u32>, Option<u32>) = (None, None);
        for i in 0..count {
            let into = if i > 0 || closed { span((i + count - 1) % count, i) } else { span(i, i + 1) };
            let out = if i + 1 < count || closed { span(i, (i + 1) % count) } else { into };
            let (into, out) =
                if into == Vec2::ZERO { (out, out) } else { (into, if out == Vec2::ZERO { into } else { out }) };
            let (before, after) = (into.perp(), out.perp());
            let mitre = (before + after).normalize_or(before);
            let stretch = 1.0 / mitre.dot(before).max(0.001);
            let (at, pen) = nib(i);
            let sharp = stretch > MAX_MITRE;
            let pair = self.pair(at, if sharp { before } else { mitre * stretch }, &pen);
            if let Some(left) = left {
                self.join(left, pair);
            }
            begin = begin.or(Some(pair));
            left = Some(if sharp { self.round(at, before, after, &pen) } else { pair });
        }
        let (Some(begin), Some(left)) = (begin, left) else { return };
        if closed {
            self.join(left, begin);
        } else {
            self.cap(nib(0), span(1, 0), begin);
            self.cap(nib(count - 1), span(count - 2, count - 1), left);
        }
    }

    /// Draws a filled circle; its edge is smoothed and may glow.
    pub(super) fn disc(&mut self, centre: Vec2, pen: Pen) {
        let outer = outer(&pen);
        let first = self.positions.len() as u32;
        for corner in [Vec2::new(-1.0, -1.0), Vec2::new(1.0, -1.0), Vec2::new(1.0, 1.0), Vec2::new(-1.0, 1.0)] {
            self.vertex(centre + corner * outer, corner, &pen, outer);
        }
        self.indices.extend([first, first + 1, first + 2, first, first + 2, first + 3]);
    }

    /// Draws a circle's outline from angle `from` over `sweep` radians.
    pub(super) fn arc(&mut self, centre: Vec2, radius: f32, from: f32, sweep: f32, pen: Pen) {
        let steps = ((sweep.abs() * radius.sqrt() * ARC_STEPS_PER_RADIAN) as usize).clamp(2, 64);
        let closed = sweep.abs() >= TAU - 0.001;
        let count = if closed { steps } else { steps + 1 };
        let at = |i: usize| centre + Vec2::from_angle(from + sweep * i as f32 / steps as f32) * radius;
        self.ribbon(count, closed, |i| (at(i), pen));
    }

    /// Fills a shape that is convex, or at least visible whole from the mean of its points.
    pub(super) fn fill(&mut self, points: &[Vec2], light: Vec3, alpha: f32) {
        let pen = Pen { light, alpha, ..Pen::plain(light, 1.0) };
        let centre = points.iter().sum::<Vec2>() / points.len().max(1) as f32;
        let first = self.positions.len() as u32;
        self.vertex(centre, Vec2::ZERO, &pen, pen.half);
        for &point in points {
            self.vertex(point, Vec2::ZERO, &pen, pen.half);
        }
        let count = points.len() as u32;
        for i in 0..count {
            self.indices.extend([first, first + 1 + i, first + 1 + (i + 1) % count]);
        }
    }

    /// Returns the shapes as a mesh and starts anew.
    pub(super) fn take(&mut self) -> Mesh {
        if self.indices.is_empty() {
            // A mesh without vertices is an error to the renderer; one invisible point is not.
            self.fill(&[Vec2::ZERO; 3], Vec3::ZERO, 0.0);
        }
        Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, std::mem::take(&mut self.positions))
            .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, std::mem::take(&mut self.uvs))
            .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, std::mem::take(&mut self.colors))
            .with_inserted_attribute(STYLE, std::mem::take(&mut self.styles))
            .with_inserted_indices(Indices::U32(std::mem::take(&mut self.indices)))
    }

    /// Rounds an end of a line off.
    fn cap(&mut self, (at, pen): (Vec2, Pen), outward: Vec2, pair: u32) {
        let outer = outer(&pen);
        let first = self.positions.len() as u32;
        // The pair was laid out for the direction of travel; seen from the end that is left or right of `outward`.
        let side = (Vec2::from_slice(&self.positions[pair as usize]) - at).normalize_or(outward.perp());
        self.vertex(at + (outward + side) * outer, Vec2::new(1.0, 1.0), &pen, outer);
        self.vertex(at + (outward - side) * outer, Vec2::new(1.0, -1.0), &pen, outer);
        self.indices.extend([pair, pair + 1, first, first, pair + 1, first + 1]);
    }

    /// Adds the two vertices of a point on a line, to the left and right of it.
    fn pair(&mut self, at: Vec2, side: Vec2, pen: &Pen) -> u32 {
        let (first, outer) = (self.positions.len() as u32, outer(pen));
        self.vertex(at + side * outer, Vec2::Y, pen, outer);
        self.vertex(at - side * outer, Vec2::NEG_Y, pen, outer);
        first
    }

    /// Fills the stretch of line between two pairs.
    fn join(&mut self, a: u32, b: u32) {
        self.indices.extend([a, a + 1, b, b, a + 1, b + 1]);
    }

    /// Rounds a sharp corner: a mitre would be a spike. Returns the pair with which the line goes on.
    fn round(&mut self, at: Vec2, before: Vec2, after: Vec2, pen: &Pen) -> u32 {
        let outer = outer(pen);
        // The open side of the corner is the one that the line turns away from.
        let open = if before.perp_dot(after) > 0.0 { -1.0 } else { 1.0 };
        let (from, turn) = (before * open, before.angle_to(after));
        let first = self.positions.len() as u32;
        self.vertex(at, Vec2::ZERO, pen, outer);
        for step in 0..=ROUND_STEPS {
            let side = Vec2::from_angle(turn * step as f32 / ROUND_STEPS as f32).rotate(from);
            self.vertex(at + side * outer, Vec2::Y, pen, outer);
        }
        for step in 0..ROUND_STEPS {
            self.indices.extend([first, first + 1 + step, first + 2 + step]);
        }
        self.pair(at, after, pen)
    }

    fn vertex(&mut self, at: Vec2, uv: Vec2, pen: &Pen, outer: f32) {
        self.positions.push([at.x, at.y, 0.0]);
        self.uvs.push(uv.into());
        self.colors.push([pen.light.x, pen.light.y, pen.light.z, pen.alpha]);
        self.styles.push([pen.half / outer, pen.halo, pen.hot, pen.cover]);
    }
}

/// Creates the entity of a layer and returns the mesh to fill. Layers are drawn by rising `order`.
pub(super) fn layer(
    commands: &mut Commands,
    meshes: &mut Assets<Mesh>,
    material: &Handle<InkMaterial>,
    order: f32,
) -> Handle<Mesh> {
    let mesh = meshes.add(Ink::default().take());
    commands.spawn((
        Mesh2d(mesh.clone()),
        MeshMaterial2d(material.clone()),
        Transform::from_xyz(0.0, 0.0, order),
        // Its bounds change with every frame; working them out would cost more than culling could save.
        NoFrustumCulling,
    ));
    mesh
}

/// Returns how far a line reaches: the core, its halo, and room for the smoothed edge.
fn outer(pen: &Pen) -> f32 {
    (pen.half + pen.glow.max(EDGE_ROOM)).max(EDGE_ROOM)
}

const SHADER: &str = "embedded://client/view/ink.wgsl";
/// See `ink.wgsl`. The number only has to be no other attribute's.
const STYLE: MeshVertexAttribute = MeshVertexAttribute::new("InkStyle", 0x1_4E4B, VertexFormat::Float32x4);
/// Longest mitre as a multiple of the width: a right angle keeps its corner, a ship's wing does not grow a spike.
const MAX_MITRE: f32 = 1.5;
/// Slices of a rounded corner.
const ROUND_STEPS: u32 = 5;
/// Tiles around a core in which its edge is smoothed: about two pixels.
const EDGE_ROOM: f32 = 0.05;
/// Segments per radian of an arc with a radius of one tile; larger arcs need more.
const ARC_STEPS_PER_RADIAN: f32 = 8.0;
