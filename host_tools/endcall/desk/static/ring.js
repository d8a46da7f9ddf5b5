// The ring of light, drawn from the very bytes that go to the LEDs.

// A LED's light is linear in its byte, a screen's is not; and an eye gets used to a dim ring. So 20 % looks lit.
const GAMMA = 1 / 2.2;
const GAIN = 1.55;
// With the full gamma amber would turn yellow and blue turn cyan: the hue bends less than the level.
const HUE_GAMMA = 1 / 1.4;

export class Ring {
  constructor(canvas, surroundings) {
    this.canvas = canvas;
    this.surroundings = surroundings;
    this.picture = new Uint8Array(72);
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(picture) {
    this.picture = picture;
    this.draw();
  }

  get lit() {
    const { picture } = this;
    let count = 0;
    for (let at = 0; at < picture.length; at += 3) count += picture[at] || picture[at + 1] || picture[at + 2] ? 1 : 0;
    return count;
  }

  draw() {
    const { canvas, picture } = this;
    const size = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!size) return;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const ctx = canvas.getContext('2d');
    const middle = size / 2;
    const radius = size * 0.408;
    const pixels = picture.length / 3;
    ctx.globalCompositeOperation = 'source-over';
    ctx.clearRect(0, 0, size, size);

    ctx.lineWidth = size * 0.088;
    ctx.strokeStyle = '#0c0d10';
    circle(ctx, middle, radius);
    ctx.lineWidth = size * 0.072;
    ctx.strokeStyle = '#17191e';
    circle(ctx, middle, radius);

    const sum = [0, 0, 0];
    const led = Math.min(size * 0.03, radius * Math.PI / pixels * 0.8);
    ctx.globalCompositeOperation = 'lighter';
    for (let index = 0; index < pixels; index++) {
      const angle = (index / pixels) * 2 * Math.PI - Math.PI / 2;
      const x = middle + radius * Math.cos(angle);
      const y = middle + radius * Math.sin(angle);
      const bytes = picture.slice(3 * index, 3 * index + 3);
      const brightest = Math.max(...bytes);
      const level = Math.min(1, (brightest / 255) ** GAMMA * GAIN);
      dot(ctx, x, y, led * 0.8, 'rgba(255,255,255,.07)', 'rgba(255,255,255,.02)');
      if (!level) continue;
      const hue = Array.from(bytes, byte => Math.round((byte / brightest) ** HUE_GAMMA * 255));
      hue.forEach((value, part) => { sum[part] += value * level / 255; });
      const hot = hue.map(value => Math.round(value + (255 - value) * 0.45 * level));
      dot(ctx, x, y, led * 6.5, `rgba(${hue},${0.34 * level})`, `rgba(${hue},0)`);
      dot(ctx, x, y, led * 2.4, `rgba(${hue},${0.85 * level})`, `rgba(${hue},0)`);
      dot(ctx, x, y, led * 1.1, `rgba(${hot},${level})`, `rgba(${hot},${0.25 * level})`);
    }
    const [red, green, blue] = sum.map(value => Math.round(value / pixels * 255));
    this.surroundings.style.setProperty('--glow', `rgb(${red} ${green} ${blue} / ${Math.max(red, green, blue) / 420})`);
  }
}

function circle(ctx, middle, radius) {
  ctx.beginPath();
  ctx.arc(middle, middle, radius, 0, 2 * Math.PI);
  ctx.stroke();
}

function dot(ctx, x, y, radius, inner, outer) {
  const gradient = ctx.createRadialGradient(x, y, 0, x, y, radius);
  gradient.addColorStop(0, inner);
  gradient.addColorStop(1, outer);
  ctx.fillStyle = gradient;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}
