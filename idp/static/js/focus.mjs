// After a refused form the reader lands on the summary of errors, and its links on the control itself.

const summary = document.querySelector("[data-error-summary]");
if (summary) {
  summary.focus();
  summary.addEventListener("click", (event) => {
    const target = event.target.closest("a[href^='#']");
    const control = target && document.getElementById(decodeURIComponent(target.hash.slice(1)));
    if (!control) return;
    event.preventDefault();
    const label = control.closest(".field") ?? control;
    label.scrollIntoView({ block: "start" });
    control.focus({ preventScroll: true });
  });
}
