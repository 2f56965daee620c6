// A tab that nobody sees: it stays in the match, reads what it is told, and calls when a match was found.
//
// Flow: play.mjs -> here -> tab.mjs -> Chromium -> pictures in artifacts/web.

import { artifacts, check, eventually, sleep, status, until } from "./bench.mjs";
import { openTab } from "./tab.mjs";

/** What the title of a tab calls. */
const CALL = "A match was found · Crosswire";

/** Asks a tab as the other checks ask a page. */
const pageOf = (tab) => ({ evaluate: () => tab.evaluate("globalThis.crosswire?.status ?? 'null'") });

/** Half a minute in a tab that nobody sees, and back. `fly` flies native players for some seconds and tells what they saw. */
export async function survivesTheDark(server, flags, fly) {
  const tab = await openTab(`http://${server.http}/?quick&autopilot&transport=websocket&name=Sleeper`, flags);
  const page = pageOf(tab);
  try {
    const before = await until(page, "the sleeper is in the match", (now) => now.screen === "InMatch" && now.wire === "websocket");
    const flying = fly(1, 32);
    await tab.hide();
    check(await eventually(() => tab.evaluate("document.hidden"), true), "the tab is hidden");
    const asleep = (await status(page)).frames;
    await sleep(28_500);
    const dreaming = await status(page);
    const frames = dreaming.frames - asleep;
    check(frames > 20 && frames < 40, "and gets one frame a second", `${frames} in 28 s`);
    check(dreaming.tick - before.tick > 27 * 60, "so it knows what goes on", `${dreaming.tick - before.tick} ticks later`);
    await tab.show();
    await sleep(1_000);
    const now = await status(page);
    check(now.screen === "InMatch" && now.wire === "websocket", "after 30 s in the dark it is still in the match", `${now.screen}, ${now.wire}`);
    check(now.tick - before.tick > 28 * 60 && now.picture_age_ms < 1_000, "within a second the picture is of now", `${Math.round(now.picture_age_ms)} ms old`);
    // How far it has flown since the server's last word counts too: a dash is farther than that.
    const own = await until(page, "the own ship is where the server has it", (now) => now.own_error === null || now.own_error < 3);
    check(true, "and the own ship is where the server has it", `${own.own_error?.toFixed(2)} tiles apart`);
    await until(page, "frames come as ever", (now) => now.frames > dreaming.frames + 20);
    await tab.picture(`${artifacts}/back.png`);
    check((await flying).roster.includes("Sleeper"), "others saw it all the time");
  } finally {
    await tab.close();
  }
}

/** Whoever looks for a match and turns to another tab meanwhile is called when one was found. */
export async function callsFromTheDark(server, flags) {
  const tab = await openTab(`http://${server.http}/?name=Waiting`, flags);
  const page = pageOf(tab);
  const title = () => tab.evaluate("document.title");
  try {
    await until(page, "the menu is there", (now) => now.screen === "Menu");
    await tab.press("Enter");
    await eventually(async () => (await waiting(server)) > 0, true);
    await tab.hide();
    check(await eventually(() => tab.evaluate("document.hidden"), true), "somebody who looks for a match turns to another tab");
    await seekMatch(server, "Stranger");
    const called = await eventually(title, CALL);
    check(called === CALL, "and is called when one was found", called);
    await tab.show();
    const back = await eventually(title, "Crosswire");
    check(back === "Crosswire", "until the tab is seen again", back);
    await sleep(1_000);
    await tab.picture(`${artifacts}/called.png`);
  } finally {
    await tab.close();
  }
}

/** Returns how many wait for a match. */
async function waiting(server) {
  return (await (await fetch(`http://${server.http}/v1/queue`)).json()).waiting;
}

/** Lets somebody else look for a match. */
async function seekMatch(server, name) {
  const post = async (path, body, secret) => {
    const headers = { "content-type": "application/json", ...(secret && { authorization: `Bearer ${secret}` }) };
    const response = await fetch(`http://${server.http}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
    return response.json();
  };
  const { secret } = await post("/v1/guests", { name });
  await post("/v1/tickets", {}, secret);
}
