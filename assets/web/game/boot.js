// Loads the game and shows how far it is: first the module, then the files that it needs, then the game itself takes the canvas.
//
// Flow: page.html -> here -> the module that wasm-bindgen made -> client/src/main.rs.
"use strict";

const $ = (id) => document.getElementById(id);
const build = JSON.parse(document.body.dataset.build);

/** What the game finds here: its files by path. It adds how it is. */
const crosswire = (globalThis.crosswire = { files: new Map(), started: performance.now(), loaded: null, firstFrame: null });

const total = build.module.bytes + build.files.reduce((sum, file) => sum + file.bytes, 0);
let loaded = 0;

function says(text) {
  $("says").textContent = text;
}

function fail(sentence) {
  $("bar").hidden = true;
  $("says").className = "bad";
  says(sentence);
  $("again").hidden = false;
  $("again").addEventListener("click", () => location.reload());
  $("again").focus();
}

function progressed(bytes) {
  loaded += bytes;
  $("bar").value = Math.min(loaded / total, 1);
  says(`${(loaded / 1048576).toFixed(1)} of ${(total / 1048576).toFixed(1)} MiB`);
}

/** Fetches one file of the build; its bytes are counted as they come. */
async function fetched(name) {
  const response = await fetch(`/play/${name}`);
  if (!response.ok) throw new Error(`The server answered ${response.status} for ${name}.`);
  const counted = new TransformStream({
    transform(piece, out) {
      progressed(piece.byteLength);
      out.enqueue(piece);
    },
  });
  return new Response(response.body.pipeThrough(counted), { headers: { "content-type": response.headers.get("content-type") } });
}

// Browsers let no page make a sound before somebody has pressed something, and complain of each attempt: what the game opens until then
// sleeps, and each gesture wakes what is not awake (phones put it to sleep again for a call). To be called before the game's script is
// read, which looks for AudioContext only once.
function wakeSoundByGestures() {
  const Context = globalThis.AudioContext;
  if (!Context) return;
  const contexts = new Set();
  let touched = false;
  globalThis.AudioContext = class extends Context {
    constructor(...options) {
      super(...options);
      contexts.add(this);
      if (!touched) super.suspend().catch(() => {});
    }
    resume() {
      return touched ? super.resume() : Promise.resolve();
    }
  };
  const wake = (event) => {
    // Where the browser tells, it is asked: Esc, for one, is no gesture.
    touched ||= navigator.userActivation?.isActive ?? event.isTrusted;
    for (const context of contexts) if (context.state !== "running") context.resume().catch(() => {});
  };
  for (const gesture of ["pointerdown", "pointerup", "keydown", "touchend"]) addEventListener(gesture, wake, { capture: true });
}

/** Fills the screen, or ends that. Browsers let a page do so right after somebody has pressed something. */
function fullScreen() {
  if (document.fullscreenElement) return void document.exitFullscreen().catch(() => {});
  const filled = () => {
    // Phones are held sideways, and Esc stays the game's. A browser that can do neither loses nothing.
    screen.orientation?.lock?.("landscape").catch(() => {});
    navigator.keyboard?.lock?.(["Escape"]).catch(() => {});
  };
  document.documentElement.requestFullscreen({ navigationUI: "hide" }).then(filled, () => {});
}

function uncover() {
  crosswire.firstFrame = performance.now() - crosswire.started;
  $("cover").className = "done";
  setTimeout(() => $("cover").remove(), 400);
  $("game").focus();
}

async function start() {
  if (typeof WebAssembly !== "object") return fail("This browser has no WebAssembly. Update it, or start the desktop game.");
  if (!document.createElement("canvas").getContext("webgl2")) {
    return fail("This browser cannot draw with WebGL2. Turn hardware acceleration on, try another browser, or start the desktop game.");
  }
  wakeSoundByGestures();
  const keep = async (file) => {
    const response = await fetched(file.name);
    crosswire.files.set(file.path, new Uint8Array(await response.arrayBuffer()));
  };
  try {
    const compiling = fetched(build.module.name).then((response) => WebAssembly.compileStreaming(response));
    const [module, game] = await Promise.all([compiling, import(`/play/${build.script}`), ...build.files.map(keep)]);
    crosswire.loaded = performance.now() - crosswire.started;
    says("Starting");
    crosswire.uncover = uncover;
    if (document.fullscreenEnabled) crosswire.fullScreen = fullScreen;
    crosswire.game = game;
    // The right button fires; it opens no menu.
    $("stage").addEventListener("contextmenu", (event) => event.preventDefault());
    await game.default({ module_or_path: module });
  } catch (error) {
    // This is how the game's own loop leaves the function that started it.
    if (String(error).includes("control flow")) return;
    console.error(error);
    fail(navigator.onLine === false ? "This machine is offline. Connect it, then try again." : `The game could not be loaded: ${error.message ?? error}`);
  }
}

start();
