"use strict";
(function () {
  var root = document.documentElement;
  function language(tag) {
    root.dataset.lang = tag;
    root.lang = tag;
    document.querySelectorAll(".switch button").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.value === tag));
    });
    labels();
  }
  document.querySelectorAll(".switch button").forEach(function (button) {
    button.addEventListener("click", function () { language(button.value); });
  });
  language(location.hash === "#zh" ? "zh-CN" : "en");

  // Text in a frame keeps its size on the screen, however large the picture is drawn, and stays inside it.
  function label(svg) {
    var box = svg.viewBox.baseVal, width = svg.getBoundingClientRect().width;
    if (!width) { return; }
    svg.style.setProperty("--f", ((width < 420 ? 10 : 12.5) * box.width / width) + "px");
    svg.querySelectorAll("text").forEach(function (text) {
      var half = text.getBBox().width / 2, middle = Number(text.dataset.x || (text.dataset.x = text.getAttribute("x")));
      text.setAttribute("x", Math.max(box.x + half, Math.min(middle, box.x + box.width - half)));
    });
  }
  function labels() { document.querySelectorAll("svg.frame").forEach(label); }
  addEventListener("resize", labels);
  addEventListener("beforeprint", labels);

  var dialog = document.querySelector("dialog"), pane = dialog.querySelector(".pane"), scale = 1;
  function zoom(factor) {
    var svg = pane.querySelector("svg");
    if (!svg) { return; }
    var old = scale, x = pane.scrollLeft + pane.clientWidth / 2, y = pane.scrollTop + pane.clientHeight / 2;
    scale = Math.min(Math.max(scale * factor, 1), 12);
    svg.style.width = (100 * scale) + "%";
    label(svg);
    pane.scrollTo(x * scale / old - pane.clientWidth / 2, y * scale / old - pane.clientHeight / 2);
  }
  document.querySelectorAll(".shot").forEach(function (shot) {
    shot.addEventListener("click", function () {
      pane.replaceChildren(shot.querySelector("svg").cloneNode(true));
      scale = 1;
      dialog.showModal();
      zoom(1);
    });
  });
  dialog.querySelectorAll("button").forEach(function (button) {
    button.addEventListener("click", function () {
      if (button.value === "close") { dialog.close(); } else { zoom(button.value === "in" ? 1.5 : 1 / 1.5); }
    });
  });
  pane.addEventListener("dblclick", function () { zoom(1.5); });

  // A timeline's cursor goes from the beginning of one activity to the next.
  document.querySelectorAll(".stepped").forEach(function (box) {
    var steps = box.querySelectorAll("li"), list = box.querySelector("ol"), cursor = box.querySelector(".cursor"), at = -1, timer = 0;
    function go(to) {
      if (to < 0 || to >= steps.length) { clearInterval(timer); timer = 0; return; }
      if (at >= 0) { steps[at].classList.remove("now"); }
      at = to;
      steps[at].classList.add("now");
      list.scrollTop = steps[at].offsetTop - list.offsetTop - 40;
      cursor.setAttribute("x1", steps[at].dataset.x);
      cursor.setAttribute("x2", steps[at].dataset.x);
      box.classList.add("on");
    }
    box.querySelectorAll("button").forEach(function (button) {
      button.addEventListener("click", function () {
        clearInterval(timer);
        if (button.value === "play" && !timer) {
          timer = setInterval(function () { go(at + 1); }, 600);
          go(at + 1);
          return;
        }
        timer = 0;
        if (button.value !== "play") { go(at + (button.value === "next" ? 1 : -1)); }
      });
    });
  });
}());
