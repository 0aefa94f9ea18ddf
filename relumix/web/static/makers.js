// References that the server makes: by another picture's light, by lamps, by words.
import { clipPath, post, put } from "./api.js";
import { button, h } from "./dom.js";

// Files that are taken as pictures.
export const PICTURES = ".exr,.png,.tif,.tiff,.jpg,.jpeg,.dpx,.hdr,.tga";

const LAMPS = {
  Sun: { type: "sun", direction: [-1, -1, -0.5], angle_deg: 2, color: [1, 0.8, 0.55], irradiance: 3 },
  Lamp: { type: "point", position: [0, 1, -2], radius: 0.1, color: [1, 0.75, 0.5], power_w: 60 },
  Spot: { type: "spot", position: [1, 2, 0], target: [0, 0, -4], cone_deg: 40, blend: 0.3, power_w: 200 },
  Softbox: { type: "area", position: [2, 2, 0], target: [0, 0, -4], size: [1, 1], power_w: 300 },
  Sky: { type: "dome", radiance: 0.5, color: [0.6, 0.75, 1] },
};

// Buttons for what the clip's server can do; `made` is given a promise of the clip with the new reference.
export function makerButtons(clip, frame, { made, open, disabled }) {
  const kinds = clip.makers || [];
  const input = h("input", { type: "file", accept: PICTURES, id: "match-file", class: "hidden", onchange: () => input.files[0] && made(put(clipPath(clip, `/matches/${frame}/${encodeURIComponent(input.files[0].name)}`), input.files[0])) });
  return [
    kinds.includes("match") && button("Take the light of a picture …", () => input.click(), { disabled, title: "Colour and contrast of another picture's light" }),
    kinds.includes("match") && input,
    kinds.includes("lights") && button("Place lamps …", () => open(lampsPanel(clip, frame, made)), { disabled }),
    kinds.includes("text") && button("By words …", () => open(wordsPanel(clip, frame, made)), { disabled }),
  ].filter(Boolean);
}

function panel(title, ...children) {
  return h("form", { class: "panel editor", "aria-label": title }, h("header", {}, h("h2", {}, title)), children);
}

function lampsPanel(clip, frame, made) {
  const before = clip.references[frame]?.look?.rig;
  const rig = h("textarea", { rows: 16, spellcheck: "false", "aria-label": "Lamps, as JSON" });
  rig.value = JSON.stringify(before || { keep: 0.3, lights: [LAMPS.Sun] }, null, 1);
  const fov = h("input", { type: "number", min: 1, max: 170, value: clip.references[frame]?.look?.fov ?? "", placeholder: "as the clip says", "aria-label": "Angle across the frame, in degrees" });
  const trouble = h("p", { class: "bad", role: "alert" });
  const add = (name) => {
    try {
      const now = JSON.parse(rig.value);
      now.lights = [...(now.lights || []), LAMPS[name]];
      rig.value = JSON.stringify(now, null, 1);
      trouble.textContent = "";
    } catch (error) {
      trouble.textContent = error.message;
    }
  };
  const form = panel(
    `Lamps for frame ${frame}`,
    h("p", { class: "hint" }, "x to the right, y up, the camera looks along −z; where the plate has P, that is the space. “keep” is the share of the plate's own light that stays."),
    h("div", { class: "row" }, Object.keys(LAMPS).map((name) => button(`+ ${name}`, () => add(name)))),
    rig,
    h("label", { class: "row" }, "Angle across the frame, degrees ", fov),
    trouble,
    h("button", { type: "submit", class: "primary wide" }, "Make the reference"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      made(post(clipPath(clip, `/lights/${frame}`), { rig: JSON.parse(rig.value), ...(fov.value ? { fov: Number(fov.value) } : {}) }));
    } catch (error) {
      trouble.textContent = error.message;
    }
  });
  return form;
}

function wordsPanel(clip, frame, made) {
  const before = clip.references[frame]?.look;
  const words = h("textarea", { rows: 3, maxlength: 400, "aria-label": "What the light is to be", placeholder: "low evening sun from the left" });
  words.value = before?.words || "";
  const seed = h("input", { type: "number", min: 0, value: before?.seed ?? 0, "aria-label": "Seed" });
  const form = panel(`Light of frame ${frame}, by words`, words, h("label", { class: "row" }, "Seed ", seed), h("button", { type: "submit", class: "primary wide" }, "Make the reference"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    made(post(clipPath(clip, `/words/${frame}`), { words: words.value, seed: Number(seed.value) }));
  });
  return form;
}
