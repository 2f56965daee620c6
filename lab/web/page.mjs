// What the page does besides: clipboard, keyboards on the screen, and what it says when the game ends by itself.
//
// Flow: play.mjs -> here -> Chromium -> pictures in artifacts/web.

import { check, eventually, frames, open, picture, sleep, status, until } from "./bench.mjs";
import { fingersOn, PHONE } from "./hands.mjs";

/** On the start page in a window of 1280 x 720: the box, and the button that pastes into it. */
const BOX = [240, 340];
const PASTE = [476, 335];

/** Copies and pastes as hands do, into a page whose link holds a code that is none: that is shown as it is. */
export async function pastes(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?name=Paster&room=KM7-4Q0&name=x`);
  await until(page, "a code that is none is in the box", (now) => now.screen === "Menu" && now.typed === "KM7-4Q0");
  check(true, "a code that is none is in the box");
  await sleep(1_000);
  await picture(page, "misread");

  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.evaluate((text) => {
    // The old way has to do: it is the only one on pages that came over http.
    navigator.clipboard.writeText = () => Promise.reject(new Error("not here"));
    globalThis.crosswire.copy(text);
  }, "KM7-4Q1");
  check((await clipboard()) === "KM7-4Q1", "a page copies", await clipboard());
  await page.mouse.click(...PASTE);
  await until(page, "a button pastes", (now) => now.typed === "KM7-4Q1");
  check(true, "a button pastes in place of what was there");

  // Another server, to a browser. What is held is held for longer than a frame.
  const elsewhere = `localhost:${server.http.split(":").at(-1)}`;
  await page.evaluate((text) => globalThis.crosswire.copy(text), elsewhere);
  await page.mouse.click(...BOX);
  await page.keyboard.down("Control");
  for (const key of ["a", "v"]) {
    await frames(page, 2);
    await page.keyboard.press(key);
  }
  await frames(page, 2);
  await page.keyboard.up("Control");
  await until(page, "the keys paste", (now) => now.typed === elsewhere);
  check(true, "Ctrl+V pastes");
  await sleep(500);
  await picture(page, "pasted");
  await page.keyboard.press("Enter");
  await page.waitForURL(`http://${elsewhere}/`);
  await until(page, "the page of another server opens", (now) => now.screen === "Menu");
  check(true, "the address of another server leads to its page");
  check(said.length === 0, "no errors on the console meanwhile", said.join(" | "));
  await page.close();
}

/** A tablet: fingers come first, five at once. Chromium only ever has one finger where no phone is played. */
function isMovedByFingers() {
  Object.defineProperty(navigator, "maxTouchPoints", { value: 5 });
  const native = globalThis.matchMedia;
  globalThis.matchMedia = (query) => (query === "(pointer: coarse)" ? { matches: true } : native(query));
}

/** A laptop that has a touch screen besides. */
function hasAMouse() {
  Object.defineProperty(navigator, "maxTouchPoints", { value: 5 });
  const native = globalThis.matchMedia;
  globalThis.matchMedia = (query) => (query === "(pointer: coarse)" ? { matches: false } : native(query));
}

/** The keyboard of a screen comes where it is needed, and stays away from who has one of their own. */
export async function opensTheKeyboard(browser, server) {
  const SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";
  const CHROME = (system) => `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36`;
  const machines = {
    phone: [PHONE.userAgent, isMovedByFingers, "egui_text_agent"],
    iPad: [SAFARI, isMovedByFingers, "egui_text_agent"],
    "Android tablet": [CHROME("X11; Linux x86_64"), isMovedByFingers, "egui_text_agent"],
    laptop: [CHROME("Windows NT 10.0; Win64; x64"), hasAMouse, "game"],
  };
  for (const [what, [userAgent, before, wanted]] of Object.entries(machines)) {
    const { page } = await open(browser, `http://${server.http}/?name=Typist`, { viewport: { width: 1_280, height: 720 }, hasTouch: true, userAgent }, before);
    await until(page, "the menu is there", (now) => now.screen === "Menu");
    const hand = await fingersOn(page);
    // The first touch makes everything as large as fingers.
    await hand.tap(20, 700);
    await sleep(1_500);
    await picture(page, `keyboard-${what.replace(" ", "-")}`);
    await hand.tap(...BOX);
    await frames(page, 5);
    const has = await eventually(() => page.evaluate(() => document.activeElement?.id), wanted);
    check(has === wanted, `a touch into a field of a ${what}`, has);
    await page.close();
  }
}

/** Lets nobody in the page notice that it is left, as when it crashes. */
function endsAbruptly() {
  addEventListener("pagehide", (event) => event.stopImmediatePropagation(), { capture: true });
}

/** A tab that is duplicated takes all that the first one has stored along, and is somebody else all the same; a reload is the same player. */
export async function tellsTabsApart(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?quick&transport=websocket&name=Twin`, undefined, endsAbruptly);
  const flies = (now) => now.screen === "InMatch" && now.own !== null;
  await until(page, "the first tab is in the match", flies);
  const [copy] = await Promise.all([page.waitForEvent("popup"), page.evaluate(() => void globalThis.open(location.href))]);
  await until(copy, "the second tab is in the match", flies);
  await sleep(3_000);
  check(flies(await status(page)) && flies(await status(copy)), "a tab and its copy play beside each other");
  const players = () => page.evaluate(() => Object.keys(localStorage).filter((key) => /guests/.test(key) && !/lease/.test(key)).length);
  check((await players()) === 2, "and are two players", await players());
  await page.reload();
  await until(page, "the first tab is back", flies);
  check((await players()) === 2, "who comes back after a crash is the same player", await players());
  await copy.close();
  check(said.length === 0, "no errors on the console of two tabs", said.join(" | "));
  await page.close();
}

/** What a page says then. */
const LOST = "The browser has taken the graphics card away from the game.";

/** A picture that the browser takes away is told of. */
export async function saysWhenItEnds(browser, server) {
  const { page } = await open(browser, `http://${server.http}/?name=Gone`);
  await until(page, "the menu is there", (now) => now.screen === "Menu");
  const cover = () => page.evaluate(() => (document.getElementById("cover").hidden ? "" : document.getElementById("says").textContent));
  check((await eventually(cover, "")) === "", "nothing lies over the game");
  await page.evaluate(() => document.getElementById("game").getContext("webgl2").getExtension("WEBGL_lose_context").loseContext());
  const lost = await eventually(cover, LOST);
  check(lost === LOST, "a lost picture is told of", lost);
  await picture(page, "lost");
  await page.click("#again");
  await until(page, "and another try brings it back", (now) => now.screen === "Menu" && now.frames > 10);
  const back = await eventually(cover, "");
  check(back === "", "and another try brings it back", back);
  await page.close();
}
