// Sends the form that carries an authorization response to the relying party, once. A classic script, because
// old and simple browsers know no modules; whoever has no script presses the button.
(function () {
  "use strict";
  var form = document.getElementById("form-post");
  if (form) {
    form.submit();
  }
})();
