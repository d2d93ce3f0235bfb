// A button beside each password field that shows what is being typed: fewer mistakes, fewer forgotten passwords.
// Hidden again before the form leaves, so that browsers recognise the field and offer to store it.

for (const box of document.querySelectorAll("[data-password]")) {
  const input = box.querySelector("input");
  if (!input) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "password-toggle";
  button.setAttribute("aria-controls", input.id);

  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? input.dataset.hide : input.dataset.show;
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false));
  input.spellcheck = false;
  input.autocapitalize = "off";
  show(false);
  box.append(button);
}
