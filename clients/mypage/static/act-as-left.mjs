// Counts down the minutes of a proxy login in the banner. The page already says them; without this they stand still.

const MINUTE = 60_000;
const shown = document.querySelector("[data-act-as-left]");
const seconds = Number(shown?.dateTime.match(/^PT(\d+)S$/)?.[1]);

if (Number.isFinite(seconds)) {
  const end = Date.now() + seconds * 1000;
  const show = () => {
    const left = end - Date.now();
    shown.textContent =
      left > 0 ? shown.dataset.pattern.replace("0", String(Math.ceil(left / MINUTE))) : shown.dataset.over;
    if (left > 0) setTimeout(show, left % MINUTE || MINUTE);
  };
  show();
}
