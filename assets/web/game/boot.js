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
let over = false;

function says(text) {
  $("says").textContent = text;
}

/** Says why there is no game, or no more, over everything else. What is said first is the cause of the rest. */
function fail(sentence) {
  if (over) return;
  over = true;
  $("cover").className = "";
  $("cover").hidden = false;
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

/** Puts a text into the clipboard the old way, which needs no https; the new one is for browsers that have nothing else. */
function copy(text) {
  const area = document.createElement("textarea");
  area.value = text;
  for (const property of ["user-select", "-webkit-user-select"]) area.style.setProperty(property, "text");
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  $("game").focus();
  if (!copied) navigator.clipboard?.writeText(text).catch(() => {});
}

/** Lets the browser paste, which hands over the text without asking anybody; the game would keep the key to itself. */
function takePastes() {
  const isPaste = (event) => (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "v";
  addEventListener("keydown", (event) => isPaste(event) && event.stopImmediatePropagation(), { capture: true });
  addEventListener("paste", (event) => {
    event.preventDefault();
    crosswire.pasted = event.clipboardData?.getData("text/plain") ?? null;
  });
  // For a button; only pages of a secure context have it, and some browsers ask.
  if (!navigator.clipboard?.readText) return;
  crosswire.paste = () => {
    const keep = (text) => (crosswire.fetched = text);
    navigator.clipboard.readText().then(keep, () => keep(false));
  };
}

// A tab that nobody sees is given no frames. A game with others in it has to listen nevertheless, or nobody hears that a match was found, and
// what the server tells piles up until it gives the seat away. So frames are lent there, one a second. To be called before the game asks for
// its first one.
function lendFramesInTheDark() {
  const [request, cancel] = [requestAnimationFrame, cancelAnimationFrame].map((native) => native.bind(globalThis));
  const waiting = new Map();
  globalThis.requestAnimationFrame = (draw) => {
    const id = request((now) => {
      waiting.delete(id);
      draw(now);
    });
    waiting.set(id, draw);
    return id;
  };
  globalThis.cancelAnimationFrame = (id) => {
    waiting.delete(id);
    cancel(id);
  };
  new Worker(`/play/${build.pulse}`).addEventListener("message", () => {
    if (!document.hidden) return;
    for (const [id, draw] of [...waiting]) {
      cancelAnimationFrame(id);
      draw(performance.now());
    }
  });
}

/** Calls somebody back who looks at another tab: the title says why until this one is seen again. */
function beckon(why) {
  if (!document.hidden) return;
  document.title = `${why} · ${TITLE}`;
  addEventListener("visibilitychange", () => (document.title = TITLE), { once: true });
}

// Text fields are the game's own, so it opens the keyboard on the screen with a field that nobody sees. It tells phones by what they call
// themselves. Tablets call themselves desktops and are to be told as well: fingers are what they are moved with in the first place. A machine
// that has a keyboard keeps typing into the game.
function mindKeyboards() {
  const { userAgent, maxTouchPoints } = navigator;
  if (/Android|iPhone|iPad|iPod|webOS|BlackBerry/.test(userAgent)) return;
  if (maxTouchPoints > 1 && (/Macintosh/.test(userAgent) || matchMedia("(pointer: coarse)").matches)) {
    const name = /Macintosh/.test(userAgent) ? "iPad" : "Android";
    Object.defineProperty(navigator, "userAgent", { value: `${userAgent} ${name}`, configurable: true });
  } else {
    addEventListener("focusin", (event) => event.target.id === "egui_text_agent" && $("game").focus());
  }
}

function uncover() {
  if (over) return;
  crosswire.firstFrame = performance.now() - crosswire.started;
  $("cover").className = "done";
  setTimeout(() => ($("cover").hidden = !over), 400);
  $("game").focus();
}

/**
 * Gives this tab a name, which stays the same when it is loaded again, whatever ended it. A tab that is duplicated takes the name along, so
 * whoever comes asks whether anybody already lives under it.
 */
function nameTab() {
  const fresh = () => Math.random().toString(36).slice(2, 10);
  const keep = (name) => {
    crosswire.tab = name;
    sessionStorage.setItem(TAB, name);
  };
  try {
    keep(sessionStorage.getItem(TAB) ?? fresh());
  } catch {
    return; // The browser stores nothing for this page.
  }
  const channel = new BroadcastChannel(TAB);
  const self = fresh();
  channel.addEventListener("message", ({ data }) => {
    if (data.taken === self) keep(fresh());
    else if (data.tab === crosswire.tab) channel.postMessage({ taken: data.self });
  });
  channel.postMessage({ tab: crosswire.tab, self });
}

/** Under which a tab keeps its name. */
const TAB = "crosswire/tab";
const TITLE = document.title;

async function start() {
  nameTab();
  if (typeof WebAssembly !== "object") return fail("This browser has no WebAssembly. Update it, or start the desktop game.");
  if (!document.createElement("canvas").getContext("webgl2")) {
    return fail("This browser cannot draw with WebGL2. Turn hardware acceleration on, try another browser, or start the desktop game.");
  }
  wakeSoundByGestures();
  takePastes();
  mindKeyboards();
  lendFramesInTheDark();
  // What ends the game later comes through no promise.
  addEventListener("error", (event) => event.error instanceof WebAssembly.RuntimeError && fail("The game has broken off. The browser's console says where."));
  $("game").addEventListener("webglcontextlost", () => fail("The browser has taken the graphics card away from the game."));
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
    crosswire.copy = copy;
    crosswire.beckon = beckon;
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
