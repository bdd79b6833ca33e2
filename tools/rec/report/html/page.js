document.getElementById("language").addEventListener("click", function () {
  var root = document.documentElement, next = root.dataset.show === "en" ? "zh" : "en";
  root.dataset.show = next;
  root.lang = next;
});
