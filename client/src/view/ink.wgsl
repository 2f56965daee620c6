// Draws everything on the field: lines with a crisp core and a soft halo, discs and plain fills.
//
// Each vertex says where it lies relative to the core of its line: |uv| is 0 in the middle and 1 where the halo ends. The edge of
// the core is smoothed over one pixel with screen-space derivatives, so lines are crisp at every size without multisampling.

#import bevy_sprite::mesh2d_view_bindings::view

struct InkVertex {
    @location(0) position: vec3<f32>,
    @location(1) uv: vec2<f32>,
    // Linear light, may exceed 1, and opacity.
    @location(2) color: vec4<f32>,
    // x: edge of the core as a share of the halo's radius. y: strength of the halo. z: share of white in the core.
    // w: 1 hides what lies beneath, 0 only adds light to it.
    @location(3) style: vec4<f32>,
};

struct InkFragment {
    @builtin(position) position: vec4<f32>,
    @location(0) uv: vec2<f32>,
    @location(1) color: vec4<f32>,
    @location(2) style: vec4<f32>,
};

// x: strength of halos. y: strength of the cores of what glows.
@group(2) @binding(0) var<uniform> gain: vec4<f32>;

@vertex
fn vertex(in: InkVertex) -> InkFragment {
    var out: InkFragment;
    out.position = view.clip_from_world * vec4<f32>(in.position.xy, 0.0, 1.0);
    out.uv = in.uv;
    out.color = in.color;
    out.style = in.style;
    return out;
}

@fragment
fn fragment(in: InkFragment) -> @location(0) vec4<f32> {
    let d = length(in.uv);
    let soft = max(fwidth(d) * 0.75, 0.0001);
    let core = 1.0 - smoothstep(in.style.x - soft, in.style.x + soft, d);
    let fall = max(1.0 - d, 0.0);
    let halo = fall * fall * in.style.y * gain.x * (1.0 - core);
    // White-hot, and as bright as the brightest part of the hue.
    let peak = max(in.color.r, max(in.color.g, in.color.b));
    let hot = mix(in.color.rgb, vec3<f32>(peak), in.style.z);
    // Only what glows by itself is worth more than white; floors, fills and walls stay as they are.
    let boost = mix(1.0, gain.y, smoothstep(0.19, 0.26, in.style.y));
    let rgb = (hot * core * boost + in.color.rgb * halo) * in.color.a;
    return vec4<f32>(rgb, core * in.style.w * in.color.a);
}
