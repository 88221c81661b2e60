// Classic script, read before the page is painted: a stored choice of light or dark must not flash, and the portraits that
// were here last time have their room.
(() => {
  const stored = localStorage.getItem("livehead-theme");
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
  const rows = Number(localStorage.getItem("livehead-rows"));
  if (rows > 1) document.documentElement.style.setProperty("--rows", String(rows));
})();
