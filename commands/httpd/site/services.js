// Asks for services.json twice a second and shows it; what changed since the last time is marked.
"use strict";

const restarts = new Map();
let answers = 0, asked = Date.now();

function row(cells, mark) {
    const tr = document.createElement("tr");
    for (const cell of cells)
        tr.appendChild(document.createElement("td")).textContent = cell;
    tr.className = mark;
    return tr;
}

function show(told) {
    document.getElementById("services").replaceChildren(...told.services.map((s) => {
        const changed = restarts.has(s.name) && restarts.get(s.name) !== s.restarts;
        restarts.set(s.name, s.restarts);
        const mark = changed ? "changed" : s.state === "up" ? "" : "down";
        return row([s.name, s.state, s.restarts, s.last, (s.up_ms / 1000).toFixed(1) + " s",
                    s.device], mark);
    }));
    document.getElementById("events").replaceChildren(...told.events.reverse().slice(0, 16).map(
        (e) => row([e.time_ms.toFixed(3), e.service, e.event, e.cause], "")));
    answers++;
}

async function ask() {
    asked = Date.now();
    try {
        show(await (await fetch("/services.json")).json());
    } catch (error) {
        // The next one may get through.
    }
    document.getElementById("answers").textContent =
        `${answers} answers; the last one took ${Date.now() - asked} ms`;
    setTimeout(ask, 500);
}

ask();
