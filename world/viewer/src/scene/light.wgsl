// The light of one time of day, shared by everything that is drawn: see `model/sky.rs` for where the numbers come from.
#define_import_path bitdust::light

struct Light {
    // xyz: unit vector to the sun. w: how visible stars are.
    sun: vec4<f32>,
    // xyz: unit vector to what casts the shadows. w: seconds, for waves and clouds.
    caster: vec4<f32>,
    // rgb: what that brings to a surface that faces it.
    direct: vec4<f32>,
    // rgb: from the sky, from the ground.
    up: vec4<f32>,
    down: vec4<f32>,
    // rgb: the sky's colours.
    zenith: vec4<f32>,
    horizon: vec4<f32>,
    glow: vec4<f32>,
    // x: haze per metre. y: murk of water around the eye per metre, 0 in air. z: cloud cover. w: unused.
    haze: vec4<f32>,
    // xyz: the scene's zero in voxels, modulo 4096, so that patterns stay in place when it moves.
    origin: vec4<i32>,
}

const WATER_COLOUR = vec3<f32>(0.010, 0.085, 0.16);

// The clear sky in a direction.
fn sky_colour(direction: vec3<f32>, light: Light) -> vec3<f32> {
    let height = clamp(direction.y, 0.0, 1.0);
    let low = pow(1.0 - height, 4.0);
    var colour = mix(light.zenith.rgb, light.horizon.rgb, low);
    let towards_sun = max(dot(direction, light.sun.xyz), 0.0);
    colour += light.glow.rgb * (0.55 * pow(towards_sun, 8.0) * (0.25 + 0.75 * low) + 0.6 * pow(towards_sun, 96.0));
    return colour;
}

// What the air between the eye and a surface makes of its colour.
fn through_air(colour: vec3<f32>, offset: vec3<f32>, light: Light) -> vec3<f32> {
    let distance = length(offset);
    let direction = offset / max(distance, 0.001);
    if light.haze.y > 0.0 {
        let murk = 1.0 - exp(-distance * light.haze.y);
        let brightness = light.up.rgb + 0.35 * light.direct.rgb;
        return mix(colour, WATER_COLOUR * brightness * 2.2, murk);
    }
    let thick = distance * light.haze.x;
    let veil = 1.0 - exp(-thick * thick - 0.22 * thick);
    let level = normalize(vec3<f32>(direction.x, max(direction.y, 0.0) * 0.6 + 0.015, direction.z));
    return mix(colour, sky_colour(level, light), veil);
}

// Narkowicz, "ACES Filmic Tone Mapping Curve" (2016). Colours lose a little of their strength first, as they do in air and
// in eyes, or sunlit leaves would look like paint.
fn tone(colour: vec3<f32>) -> vec3<f32> {
    let grey = dot(colour, vec3<f32>(0.2126, 0.7152, 0.0722));
    let x = mix(vec3<f32>(grey), colour, 0.87) * 0.72;
    return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), vec3<f32>(0.0), vec3<f32>(1.0));
}

// A number from -1 to 1 that three whole numbers always give.
fn speckle(at: vec3<i32>) -> f32 {
    var h = bitcast<u32>(at.x) * 0x8da6b343u ^ bitcast<u32>(at.y) * 0xd8163841u ^ bitcast<u32>(at.z) * 0xcb1ab31fu;
    h = (h ^ (h >> 15u)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12u)) * 0x297a2d39u;
    return f32((h >> 8u) & 0xffffu) / 32767.5 - 1.0;
}
