// Shows at once, when a field is left, what the server will make of it (idp/accounts/folding.py).
// The server folds again: this only spares people the surprise.

const DASHES = /[-‐‑‒–—―−─ーｰ]/gu;
const SPACES_AND_BRACKETS = /[\s()]/gu;

/** Full-width digits to half-width; dashes, spaces and brackets away. */
export function foldDigits(text) {
  return text.normalize("NFKC").replace(DASHES, "").replace(SPACES_AND_BRACKETS, "");
}

/** Half-width kana and hiragana to full-width katakana. */
export function foldKana(text) {
  return text
    .replace(/゛/gu, "\u3099")
    .replace(/゜/gu, "\u309A")
    .normalize("NFKC")
    .replace(/[\u3041-\u3096\u309D\u309E]/gu, (kana) => String.fromCharCode(kana.charCodeAt(0) + 0x60))
    .normalize("NFC")
    .trim()
    .replace(/\s+/gu, " ");
}

/** Full-width letters to half-width; spaces around away. */
export function foldEmail(text) {
  return text.normalize("NFKC").trim();
}

const FOLDS = { digits: foldDigits, kana: foldKana, email: foldEmail };

if (globalThis.document) {
  document.addEventListener("change", (event) => {
    const fold = FOLDS[event.target.dataset?.fold];
    if (!fold) return;
    const folded = fold(event.target.value);
    if (folded !== event.target.value) event.target.value = folded;
  });
}
