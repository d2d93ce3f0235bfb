// Fills the address from the postal code: fields that are empty, or that still hold what was filled for an earlier
// code. What somebody typed is never overwritten.
// Without this module the button beside the field does the same by a round trip to the server.

import { foldDigits } from "./fold.mjs";

function attach(box) {
  const input = box.querySelector("input");
  const result = box.querySelector("[data-postal-result]");
  const [prefecture, city, street] = ["prefecture", "city", "street"].map((part) =>
    document.getElementById(box.dataset[part]),
  );
  const ours = new Map();
  let latest = "";

  const say = (text) => {
    const line = document.createElement("p");
    line.className = "support";
    line.textContent = text;
    result.replaceChildren(line);
  };

  const fill = (town) => {
    const parts = [[prefecture, town.prefecture], [city, town.city], [street, town.town]];
    const free = parts.filter(([field]) => field && (field.value.trim() === "" || field.value === ours.get(field)));
    for (const [field, text] of free) {
      field.value = text;
      ours.set(field, text);
    }
    say(free.length ? box.dataset.filled : box.dataset.kept);
  };

  const offer = (towns) => {
    say(box.dataset.choose);
    const list = document.createElement("ul");
    list.className = "town-list";
    for (const town of towns) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "town";
      button.textContent = `${town.city} ${town.town}`;
      button.addEventListener("click", () => {
        fill(town);
        street?.focus();
      });
      const item = document.createElement("li");
      item.append(button);
      list.append(item);
    }
    result.append(list);
  };

  const look = async ({ asked }) => {
    const code = foldDigits(input.value);
    if (!/^\d{7}$/u.test(code)) {
      latest = "";
      if (asked) input.focus();
      return;
    }
    if (code === latest && !asked) return;
    latest = code;
    let towns;
    try {
      const answer = await fetch(box.dataset.url.replace("0000000", code), { headers: { Accept: "application/json" } });
      ({ towns } = await answer.json());
    } catch {
      return; // no connection: the address can be typed
    }
    if (latest !== code || !Array.isArray(towns)) return; // a newer code was typed meanwhile
    if (towns.length === 0) say(box.dataset.unknown);
    else if (towns.length === 1) fill(towns[0]);
    else offer(towns);
  };

  input.addEventListener("input", (event) => {
    if (!event.isComposing) look({ asked: false });
  });
  input.addEventListener("change", () => look({ asked: false }));
  box.querySelector("[data-postal-button]")?.addEventListener("click", (event) => {
    event.preventDefault();
    look({ asked: true });
  });
}

for (const box of document.querySelectorAll("[data-postal]")) attach(box);
