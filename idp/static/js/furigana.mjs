// Furigana follows the keyboard: the reading is what was typed before the conversion to kanji.
// It is never guessed from kanji, and stops as soon as somebody writes in the furigana field.

import { foldKana } from "./fold.mjs";

// What an input method shows while kana are being typed; a trailing Latin letter is half a syllable.
const READING = /^[\u3041-\u309F\u30A0-\u30FF\uFF66-\uFF9F]+[a-zａ-ｚ]*$/iu;
const HALF_SYLLABLE = /[a-zａ-ｚ]+$/iu;

function follow(furigana, name) {
  let own = furigana.value !== "";
  let reading = "";

  const append = (kana) => {
    if (!own && kana) furigana.value = foldKanaKeepingSpace(furigana.value + kana);
  };

  furigana.addEventListener("input", () => {
    own = furigana.value !== "";
  });
  name.addEventListener("compositionstart", () => {
    reading = "";
  });
  name.addEventListener("compositionupdate", (event) => {
    if (READING.test(event.data)) reading = event.data.replace(HALF_SYLLABLE, "");
  });
  name.addEventListener("compositionend", (event) => {
    if (event.data) append(reading);
    reading = "";
  });
  name.addEventListener("input", (event) => {
    if (name.value === "" && !own) furigana.value = "";
    else if (!event.isComposing && /^[ \u3000]$/u.test(event.data ?? "")) append(" ");
  });
}

function foldKanaKeepingSpace(text) {
  return foldKana(text) + (/\s$/u.test(text) ? " " : "");
}

for (const furigana of document.querySelectorAll("[data-furigana-of]")) {
  const name = document.getElementById(furigana.dataset.furiganaOf);
  if (name) follow(furigana, name);
}
