// Classic script, read before the page is painted: a stored choice of light or dark must not flash.
(() => {
  const stored = localStorage.getItem("livehead-theme");
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
})();
