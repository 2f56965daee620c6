// What players have in their hands: a phone, a gamepad, a keyboard with F11.
//
// Flow: play.mjs -> here -> Chromium -> pictures in artifacts/web.

import { apartFromTheCable, check, eventually, frames, open, picture, sleep, status, until } from "./bench.mjs";
import { openTab } from "./tab.mjs";

/** A phone that is held sideways. */
export const PHONE = {
  viewport: { width: 844, height: 390 },
  isMobile: true,
  hasTouch: true,
  userAgent: "Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36",
};

/** Ways to push a stick, as it stands on the screen; walls may be in any one of them. */
const WAYS = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/** Fingers on the screen of a page, as its browser gets them from the system. */
export async function fingersOn(page) {
  const line = await page.context().newCDPSession(page);
  const down = new Map();
  const send = (type, points = [...down].map(([id, [x, y]]) => ({ id, x, y }))) => line.send("Input.dispatchTouchEvent", { type, touchPoints: points });
  const hand = {
    put: async (id, x, y) => {
      down.set(id, [x, y]);
      await send("touchStart");
    },
    slide: async (id, x, y) => {
      down.set(id, [x, y]);
      await send("touchMove");
    },
    lift: async (id) => {
      down.delete(id);
      await send("touchEnd");
    },
    /** The system takes all fingers away. */
    cancel: async () => {
      down.clear();
      await send("touchCancel");
    },
    tap: async (x, y) => {
      await hand.put(9, x, y);
      await sleep(150);
      await hand.lift(9);
    },
  };
  return hand;
}

/** Returns how far the ship came along `[x, y]` (y up) between two states. */
const gone = (from, to, [x, y]) => (to.own?.[0] - from.own?.[0]) * x + (to.own?.[1] - from.own?.[1]) * y;

/** Farther than this nobody flies in the time of a push, tiles: that was a respawn somewhere else. */
const TOO_FAR = 30;

/**
 * Pushes something in each direction, around and around, until the ship goes there; returns the farthest that it came, in tiles. Who has
 * just been shot down, or waits for a match to begin, goes nowhere for some seconds.
 */
async function push(page, tilt) {
  let farthest = 0;
  for (const way of [...WAYS, ...WAYS, ...WAYS]) {
    const before = await until(page, "the ship is alive", (now) => now.own !== null);
    await tilt(way);
    await sleep(1_500);
    const came = gone(before, await status(page), way);
    if (came > farthest && came < TOO_FAR) farthest = came;
    if (farthest > 1) break;
  }
  return farthest;
}

/** Keeps every AudioContext where the test finds it. */
function listen() {
  const Context = globalThis.AudioContext;
  globalThis.heard = [];
  globalThis.AudioContext = class extends Context {
    constructor(...options) {
      super(...options);
      globalThis.heard.push(this);
    }
  };
}

/** There is no sound before the first gesture, nor a complaint of the browser's, and there is sound after it. */
export async function wakesSound(server, flags) {
  const tab = await openTab("about:blank", flags);
  const page = { evaluate: async () => tab.evaluate("globalThis.crosswire?.status ?? 'null'") };
  const sounds = () => tab.evaluate("globalThis.heard.map((context) => context.state).join(' ')");
  try {
    await tab.open(`http://${server.http}/?name=Listener`, listen);
    await until(page, "the menu is there", (now) => now.screen === "Menu");
    await sleep(1_500);
    const touched = await tab.evaluate("navigator.userActivation.hasBeenActive");
    check(!touched && (await sounds()) === "suspended", "without a gesture there is no sound", await sounds());
    await tab.click(1_200, 300);
    const heard = await eventually(sounds, "running");
    check(heard === "running", "after the first one there is", heard);
    const time = "globalThis.heard[0].currentTime";
    const before = await tab.evaluate(time);
    await sleep(500);
    check((await tab.evaluate(time)) > before, "and it goes on");
    check(tab.said.length === 0, "the browser has nothing to complain about", tab.said.join(" | "));
  } finally {
    await tab.close();
  }
}

/** A phone: sticks under both thumbs, buttons, the menu, and the screen turned. */
export async function playsByTouch(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?name=Phone`, PHONE, listen);
  await until(page, "the menu is there", (now) => now.screen === "Menu");
  const hand = await fingersOn(page);
  // Beside the menu, where nothing is pressed.
  await hand.tap(820, 200);
  const sounds = await eventually(() => page.evaluate(() => globalThis.heard.map((context) => context.state).join(" ")), "running");
  check(sounds === "running", "a touch wakes the sound", sounds);
  await picture(page, "phone-menu");
  await page.goto(`http://${server.http}/?quick&transport=websocket&name=Phone`);
  await until(page, "the phone is in the match", (now) => now.screen === "InMatch" && now.own !== null);
  const canvas = () => page.evaluate(() => [globalThis.game.clientWidth, globalThis.game.clientHeight].join("x"));
  check((await canvas()) === "844x390", "the picture is as large as the screen", await canvas());
  await hand.tap(600, 200);
  await sleep(1_000);
  await picture(page, "phone");

  await hand.put(1, 120, 280);
  const flown = await push(page, ([x, y]) => hand.slide(1, 120 + 60 * x, 280 - 60 * y));
  check(flown > 1, "the left thumb flies", `${flown.toFixed(1)} tiles`);
  const before = (await status(page)).shots;
  await hand.put(2, 640, 250);
  await hand.slide(2, 680, 205);
  await until(page, "the right thumb fires", (now) => now.shots >= before + 3);
  check(true, "the right thumb fires while the left one flies");
  await picture(page, "phone-sticks");
  await hand.cancel();
  await sleep(1_500);
  const shots = (await status(page)).shots;
  // A ship that is shot down appears elsewhere meanwhile: the least of some steps counts.
  const steps = [];
  for (let from = await status(page); steps.length < 6; ) {
    await until(page, "the ship is alive", (now) => now.own !== null);
    await sleep(400);
    const to = await status(page);
    if (from.own && to.own) steps.push(Math.hypot(to.own[0] - from.own[0], to.own[1] - from.own[1]));
    from = to;
  }
  const [drift, more] = [Math.min(...steps), (await status(page)).shots - shots];
  check(more === 0 && drift < 0.1, "fingers that are taken away let go", `${drift.toFixed(2)} tiles and ${more} shots meanwhile`);

  await hand.tap(240, 75);
  const switched = await until(page, "a touch on the wire changes it", (now) => now.wire !== null && now.wire !== "websocket");
  check(true, "a touch on the wire changes it", switched.wire);
  await hand.put(3, 422, 30);
  await sleep(1_000);
  await picture(page, "phone-scores");
  await hand.lift(3);
  await hand.tap(812, 32);
  await until(page, "the pause panel is open", (now) => now.pause);
  await sleep(1_000);
  await picture(page, "phone-pause");
  // What does not fit is scrolled.
  const scroll = async () => {
    await hand.put(4, 300, 330);
    for (let y = 310; y >= 50; y -= 20) await hand.slide(4, 300, y);
    await hand.lift(4);
    await sleep(1_000);
  };
  await scroll();
  await picture(page, "phone-pause-below");
  await hand.tap(267, 88);
  await until(page, "a press opens the graph", (now) => !now.pause && now.panels[0]);
  await hand.tap(812, 32);
  await until(page, "the pause panel is open again", (now) => now.pause);
  await sleep(500);
  await scroll();
  await picture(page, "phone-pause-again");
  await hand.tap(267, 86);
  await until(page, "a press opens the weather", (now) => !now.pause && now.panels[1]);
  await sleep(1_000);
  await picture(page, "phone-panels");
  await hand.tap(810, 144);
  await until(page, "a press closes the weather", (now) => !now.panels[1]);
  await hand.tap(309, 144);
  await until(page, "a press closes the graph", (now) => !now.panels[0]);
  check(true, "the menu and panels open and close by touch");

  await page.setViewportSize({ width: 390, height: 844 });
  const turned = await eventually(canvas, "390x844");
  check(turned === "390x844", "the picture follows the phone when it is turned", turned);
  await frames(page, 3);
  await picture(page, "phone-upright");
  // The row below the wire: weather, lag spike, cable.
  await hand.tap(56, 122);
  await until(page, "a touch makes the weather bad", (now) => now.weather === "bad" && now.round_trip_ms > 80);
  check(true, "a touch makes the weather bad");
  await hand.tap(225, 122);
  await until(page, "a touch pulls the cable", (now) => now.picture_age_ms > 1_000);
  await picture(page, "phone-unplugged");
  await hand.tap(225, 122);
  await until(page, "a touch plugs it in", (now) => now.wire !== null && now.picture_age_ms < 400);
  check(true, "a touch pulls the cable and plugs it in");
  await hand.tap(56, 122);
  await until(page, "another touch makes the weather calm", (now) => now.weather === "calm");
  await hand.put(1, 90, 700);
  const upright = await push(page, ([x, y]) => hand.slide(1, 90 + 60 * x, 700 - 60 * y));
  check(upright > 1, "and the sticks with it", `${upright.toFixed(1)} tiles`);
  await picture(page, "phone-upright-sticks");
  await hand.lift(1);
  const errors = apartFromTheCable(said);
  check(errors.length === 0, "no errors on the console of the phone", errors.join(" | "));
  await page.close();
}

/** Plugs in a gamepad that the test holds. */
function plugIn() {
  const buttons = Array.from({ length: 17 }, () => ({ pressed: false, touched: false, value: 0 }));
  const pad = { id: "Held by a test (STANDARD GAMEPAD Vendor: 045e Product: 028e)", index: 0, connected: true, mapping: "standard", axes: [0, 0, 0, 0], buttons };
  globalThis.pad = pad;
  navigator.getGamepads = () => [{ ...pad, axes: [...pad.axes], buttons: pad.buttons.map((button) => ({ ...button })) }, null, null, null];
}

/** A gamepad flies and fires in the page. */
export async function playsByGamepad(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?quick&transport=websocket&name=Gamepad`, undefined, plugIn);
  await until(page, "the gamepad is in the match", (now) => now.screen === "InMatch" && now.own !== null);
  const flown = await push(page, ([x, y]) => page.evaluate(([x, y]) => globalThis.pad.axes.splice(0, 2, x, -y), [x, y]));
  check(flown > 1, "the left stick of a gamepad flies", `${flown.toFixed(1)} tiles`);
  const before = (await status(page)).shots;
  await page.evaluate(() => {
    globalThis.pad.axes.splice(0, 4, 0, 0, 1, 0);
    globalThis.pad.buttons[7] = { pressed: true, touched: true, value: 1 };
  });
  await until(page, "its trigger fires", (now) => now.shots >= before + 3);
  check(true, "and its trigger fires");
  const press = async (button) => {
    for (const pressed of [true, false]) {
      await page.evaluate(([button, pressed]) => (globalThis.pad.buttons[button] = { pressed, touched: pressed, value: Number(pressed) }), [button, pressed]);
      // It is looked at once a frame.
      await frames(page, 2);
    }
  };
  await press(5);
  const switched = await until(page, "R1 takes the next wire", (now) => now.wire !== null && now.wire !== "websocket");
  check(true, "R1 takes the next wire", switched.wire);
  await press(4);
  await until(page, "L1 makes the weather bad", (now) => now.weather === "bad" && now.round_trip_ms > 80);
  check(true, "L1 makes the weather bad");
  await press(13);
  await until(page, "down on the cross pulls the cable", (now) => now.picture_age_ms > 1_000);
  await press(13);
  await until(page, "and plugs it in", (now) => now.wire !== null && now.picture_age_ms < 400);
  check(true, "down on the cross pulls the cable and plugs it in");
  await picture(page, "gamepad");
  const errors = apartFromTheCable(said);
  check(errors.length === 0, "no errors on the console with a gamepad", errors.join(" | "));
  await page.close();
}

/** F11 fills the screen and empties it again. */
export async function fillsTheScreen(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?name=Wide`);
  await until(page, "the menu is there", (now) => now.screen === "Menu");
  const filled = () => page.evaluate(() => document.fullscreenElement !== null);
  await page.keyboard.press("F11");
  check(await eventually(filled, true), "F11 fills the screen");
  await sleep(1_000);
  const fits = await page.evaluate(() => globalThis.game.clientWidth === innerWidth && globalThis.game.clientHeight === innerHeight);
  check(fits, "and the picture with it");
  await page.keyboard.press("F11");
  check(!(await eventually(filled, false)), "and again ends it");
  check(said.length === 0, "no errors on the console meanwhile", said.join(" | "));
  await page.close();
}
