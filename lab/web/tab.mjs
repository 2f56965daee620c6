// A browser with a window and nobody who keeps its pages awake: the only kind in which a tab is really hidden, and in which a page has not
// been touched before somebody touches it. What usually drives browsers pretends that every page is looked at, and that each question to a
// page is a gesture, so this one is spoken to directly (Chrome DevTools Protocol).
//
// Flow: dark.mjs, hands.mjs -> here -> Xvfb, Chromium.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const WebSocket = createRequire(process.env.PLAYWRIGHT)("ws");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Keys that can be pressed, with the numbers that browsers give them. */
const KEY_CODES = { Enter: 13 };

/** Opens a page in a tab of its own browser. `flags` are Chromium's. */
export async function openTab(url, flags) {
  const display = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1400x900x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const [number] = await once(display.stdio[3], "data");
  const folder = await mkdtemp(join(tmpdir(), "crosswire-tab-"));
  const own = ["--remote-debugging-port=0", `--user-data-dir=${folder}`, "--no-first-run", "--no-default-browser-check", "--window-size=1300,820"];
  const env = { ...process.env, DISPLAY: `:${String(number).trim()}` };
  const browser = spawn(process.env.CHROMIUM, [...flags, ...own, url], { stdio: ["ignore", "ignore", "pipe"], env });
  const port = await portOf(browser);
  const ask = async (path, method = "GET") => (await fetch(`http://127.0.0.1:${port}/json/${path}`, { method })).text();
  let page;
  while (!(page = JSON.parse(await ask("list")).find((target) => target.type === "page"))) await sleep(100);
  const said = [];
  const call = await line(page.webSocketDebuggerUrl, said);
  return {
    /** What the browser itself warns of, once the page was opened by `open`. */
    said,
    /** Opens another page, which runs the function `before` before anything else. */
    open: async (url, before) => {
      await call("Log.enable");
      await call("Page.enable");
      await call("Page.addScriptToEvaluateOnNewDocument", { source: `(${before})();` });
      await call("Page.navigate", { url });
    },
    /** Clicks, as a hand does. */
    click: async (x, y) => {
      for (const type of ["mousePressed", "mouseReleased"]) await call("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
    },
    /** Presses a key for longer than a frame takes. */
    press: async (key) => {
      const how = { key, code: key, windowsVirtualKeyCode: KEY_CODES[key] };
      await call("Input.dispatchKeyEvent", { type: "keyDown", ...how });
      await sleep(300);
      await call("Input.dispatchKeyEvent", { type: "keyUp", ...how });
      await sleep(300);
    },
    evaluate: async (expression) => (await call("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true })).result.value,
    /** Puts another tab in front. */
    hide: async () => {
      const other = JSON.parse(await ask("new?about:blank", "PUT"));
      await ask(`activate/${other.id}`);
    },
    /** Puts this tab in front again. */
    show: () => ask(`activate/${page.id}`),
    picture: async (path) => writeFile(path, Buffer.from((await call("Page.captureScreenshot")).data, "base64")),
    close: async () => {
      browser.kill();
      await once(browser, "exit");
      display.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Waits until the browser says where it can be spoken to. */
async function portOf(browser) {
  let said = "";
  for await (const part of browser.stderr) {
    said += part;
    const found = said.match(/ws:\/\/127\.0\.0\.1:(\d+)\//);
    if (found) {
      // Whatever else it says must not fill the pipe.
      browser.stderr.resume();
      return found[1];
    }
  }
  throw new Error(`The browser did not start: ${said}`);
}

/** Opens the line to a page and returns what calls over it. What the browser warns of meanwhile goes to `said`. */
async function line(url, said) {
  const socket = new WebSocket(url);
  await once(socket, "open");
  const waiting = new Map();
  socket.on("message", (text) => {
    const { id, result, method, params } = JSON.parse(text);
    if (method === "Log.entryAdded" && params.entry.level !== "info") said.push(params.entry.text);
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let last = 0;
  return (method, params = {}) =>
    new Promise((done) => {
      waiting.set(++last, done);
      socket.send(JSON.stringify({ id: last, method, params }));
    });
}
