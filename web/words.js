// Numbers and times as people say them.

const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

// "2 hours 5 minutes": the two largest units that are not zero.
export function duration(seconds) {
  let rest = Math.round(seconds);
  if (rest < 1) return "under a second";
  const parts = [];
  for (const [size, name] of UNITS) {
    const number = Math.floor(rest / size);
    rest %= size;
    if (number) parts.push(count(number, name));
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

// The same for a narrow place: "2 h 5 min".
export function brief(seconds) {
  return duration(seconds).replace("under a second", "< 1 s").replace(/ days?/g, " d")
    .replace(/ hours?/g, " h").replace(/ minutes?/g, " min").replace(/ seconds?/g, " s");
}

export function rate(perSecond) {
  if (perSecond === 0) return "0";
  if (perSecond < 0.1) return "< 0.1";
  return perSecond.toLocaleString("en", { maximumFractionDigits: perSecond < 10 ? 1 : 0 });
}

// What a time is from `now` (both in milliseconds): "in 5 minutes", "3 seconds ago".
export function fromNow(time, now) {
  const seconds = Math.round((time - now) / 1000);
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

export function clockTime(time) {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}
