// A clock that no browser slows down in a tab that nobody sees: the page's own ones go once a minute there, those of a worker go on.
//
// Flow: here -> boot.js, once a second.
"use strict";

setInterval(() => postMessage(null), 1_000);
