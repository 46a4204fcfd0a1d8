// The 3D views of the page: points and meshes, lit from the eye, turned by mouse, finger or keys.
//
// A figure of the class `scene` holds a canvas, its switches and the scene as JSON (stages/pages/scene.py). Browsers allow
// few WebGL contexts, so one hidden canvas draws for all figures, which copy its picture.
"use strict";
(() => {
  const VERTEX = `
    attribute vec3 position;   // -1 to 1
    attribute vec3 normal;
    attribute float value;     // 0 to 1
    attribute vec3 tint;       // a colour of the vertex's own
    uniform mat4 camera;
    uniform vec3 eye, plain;   // towards the eye; the layer's own colour
    uniform float extent, size, coloured, tinted;
    varying vec3 colour;
    vec3 ramp(float t) {       // the same colours as .ramp in style.css
      vec3 a = vec3(.20, .44, .72), b = vec3(.22, .66, .62), c = vec3(.93, .76, .27);
      vec3 d = vec3(.85, .36, .19), e = vec3(.55, .05, .22);
      t *= 4.0;
      return t < 1.0 ? mix(a, b, t) : t < 2.0 ? mix(b, c, t - 1.0) : t < 3.0 ? mix(c, d, t - 2.0) : mix(d, e, t - 3.0);
    }
    void main() {
      gl_Position = camera * vec4(position * extent, 1.0);
      gl_PointSize = max(size / gl_Position.w, 1.5);
      float light = .35 + .65 * abs(dot(normalize(normal), eye));   // both sides: an open scan shows its inside
      colour = light * mix(mix(plain, ramp(value), coloured), tint, tinted);
    }`;
  const FRAGMENT = `
    precision mediump float;
    uniform float round;       // 1 for points, which are discs
    varying vec3 colour;
    void main() {
      if (round > .5 && length(gl_PointCoord - .5) > .5) discard;
      gl_FragColor = vec4(colour, 1.0);
    }`;
  const FIELD_OF_VIEW = 35 * Math.PI / 180;
  const AREA = 5;              // of a normalised jaw, about, for the size of its points
  const LOOKS = {              // azimuth from the front, elevation, in degrees
    start: [20, 40], above: [180, 89.9], front: [0, 5], right: [90, 10], left: [-90, 10],
  };

  const glCanvas = document.createElement("canvas");
  let gl, program, place;
  const views = [];

  function start() {
    gl = glCanvas.getContext("webgl", { antialias: true });
    if (!gl) return false;
    gl.getExtension("OES_element_index_uint");
    program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    const uniforms = ["camera", "eye", "plain", "extent", "size", "coloured", "tinted", "round"];
    place = Object.fromEntries(uniforms.map((name) => [name, gl.getUniformLocation(program, name)]));
    ["position", "normal", "value", "tint"].forEach((name) => (place[name] = gl.getAttribLocation(program, name)));
    return true;
  }

  function decode(text, Type) {
    return new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  }

  function upload(data, target = gl.ARRAY_BUFFER) {
    const buffer = gl.createBuffer();
    gl.bindBuffer(target, buffer);
    gl.bufferData(target, data, gl.STATIC_DRAW);
    return buffer;
  }

  // (V, 3) normals of a mesh as bytes: each vertex takes the sum of its faces', which weighs them by area.
  function meshNormals(positions, faces) {
    const sums = new Float32Array(positions.length), normals = new Int8Array(positions.length);
    for (let f = 0; f < faces.length; f += 3) {
      const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
      const u = [0, 1, 2].map((k) => positions[b + k] - positions[a + k]);
      const v = [0, 1, 2].map((k) => positions[c + k] - positions[a + k]);
      const n = cross(u, v);
      for (const corner of [a, b, c]) for (let k = 0; k < 3; k++) sums[corner + k] += n[k];
    }
    for (let i = 0; i < sums.length; i += 3) {
      const length = Math.hypot(sums[i], sums[i + 1], sums[i + 2]) || 1;
      for (let k = 0; k < 3; k++) normals[i + k] = Math.round(127 * sums[i + k] / length);
    }
    return normals;
  }

  function cross(u, v) {
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  }

  // A layer's arrays on the graphics card.
  function loaded(layer) {
    const positions = decode(layer.positions, Int16Array);
    const faces = layer.faces && decode(layer.faces, Uint32Array);
    const normals = layer.normals ? decode(layer.normals, Int8Array) : meshNormals(positions, faces);
    return {
      positions: upload(positions),
      normals: upload(normals),
      faces: faces && upload(faces, gl.ELEMENT_ARRAY_BUFFER),
      count: faces ? faces.length : positions.length / 3,
      tint: layer.tint && upload(decode(layer.tint, Uint8Array)),
      values: Object.fromEntries(
        Object.entries(layer.values).map(([name, text]) => [name, upload(decode(text, Uint8Array))])),
    };
  }

  // Columns of the matrix from the jaw's frame (crowns to +z, incisors at -y) to clip space, and where the eye is.
  function camera(azimuth, elevation, distance, aspect) {
    const [a, e] = [azimuth, elevation].map((degrees) => degrees * Math.PI / 180);
    const eye = [Math.sin(a) * Math.cos(e), -Math.cos(a) * Math.cos(e), Math.sin(e)];
    const right = [Math.cos(a), Math.sin(a), 0], up = cross(eye, right);
    const f = 1 / Math.tan(FIELD_OF_VIEW / 2) / Math.max(1, 1 / aspect), near = 0.1, far = 10;
    const depth = (far + near) / (near - far), shift = 2 * far * near / (near - far);
    const columns = [0, 1, 2].map((k) => [f / aspect * right[k], f * up[k], depth * eye[k], -eye[k]]);
    return { eye, matrix: [...columns.flat(), 0, 0, shift - depth * distance, distance] };
  }

  class View {
    constructor(figure) {
      this.figure = figure;
      this.canvas = figure.querySelector("canvas");
      this.scene = JSON.parse(figure.querySelector("script").textContent);
      this.switches = [...figure.querySelectorAll("input[type=checkbox]:not([data-names])")];
      this.naming = figure.querySelector("input[data-names]");
      this.colours = figure.querySelector("select");
      this.layers = null;      // on the graphics card, once the figure has been in sight
      this.waiting = false;
      this.look("start");
      figure.addEventListener("change", () => this.redraw());
      figure.addEventListener("click", (event) => event.target.dataset.look && this.look(event.target.dataset.look));
      this.canvas.addEventListener("keydown", (event) => this.key(event));
      this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.follow();
      new ResizeObserver(() => this.redraw()).observe(this.canvas);
      new IntersectionObserver(([entry]) => {
        this.visible = entry.isIntersecting;
        this.redraw();
      }, { rootMargin: "300px" }).observe(this.canvas);
    }

    look(name) {
      [this.azimuth, this.elevation] = LOOKS[name];
      this.distance = 2.8;
      this.redraw();
    }

    turn(azimuth, elevation) {
      this.azimuth += azimuth;
      this.elevation = Math.max(-89.9, Math.min(89.9, this.elevation + elevation));
      this.redraw();
    }

    zoom(factor) {
      this.distance = Math.max(1.2, Math.min(8, this.distance * factor));
      this.redraw();
    }

    key(event) {
      const step = 8;
      const toggled = this.switches[Number(event.key) - 1];
      const action = {
        ArrowLeft: () => this.turn(step, 0), ArrowRight: () => this.turn(-step, 0),
        ArrowUp: () => this.turn(0, -step), ArrowDown: () => this.turn(0, step),
        "+": () => this.zoom(0.9), "=": () => this.zoom(0.9), "-": () => this.zoom(1 / 0.9),
        Home: () => this.look("start"), "0": () => this.look("start"),
        c: () => this.nextColours(),
        n: () => { if (this.naming) this.naming.checked = !this.naming.checked; this.redraw(); },
      }[event.key] || (toggled && (() => { toggled.checked = !toggled.checked; this.redraw(); }));
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    }

    nextColours() {
      this.colours.selectedIndex = (this.colours.selectedIndex + 1) % this.colours.length;
      this.redraw();
    }

    wheel(event) {             // with Ctrl, which a pinch on a touchpad sends; without, the page scrolls
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY / 300));
    }

    follow() {                 // one pointer turns, two zoom
      const held = new Map();
      const apart = () => {
        const [a, b] = [...held.values()];
        return Math.hypot(a[0] - b[0], a[1] - b[1]);
      };
      this.canvas.addEventListener("pointerdown", (event) => {
        held.set(event.pointerId, [event.clientX, event.clientY]);
        this.canvas.setPointerCapture(event.pointerId);
      });
      this.canvas.addEventListener("pointermove", (event) => {
        const last = held.get(event.pointerId);
        if (!last) return;
        const before = held.size === 2 ? apart() : 0;
        held.set(event.pointerId, [event.clientX, event.clientY]);
        if (before) this.zoom(before / Math.max(apart(), 1));
        else if (held.size === 1) this.turn((last[0] - event.clientX) / 2, (event.clientY - last[1]) / 2);
      });
      for (const end of ["pointerup", "pointercancel"]) {
        this.canvas.addEventListener(end, (event) => held.delete(event.pointerId));
      }
    }

    redraw() {
      if (this.waiting || !this.visible) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        if (!gl.isContextLost()) this.draw();
      });
    }

    draw() {
      this.layers ??= this.scene.layers.map(loaded);
      const scale = Math.min(devicePixelRatio, 2);
      const width = Math.round(this.canvas.clientWidth * scale), height = Math.round(this.canvas.clientHeight * scale);
      if (!width || !height) return;
      for (const canvas of [this.canvas, glCanvas]) {
        if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      }
      gl.viewport(0, 0, width, height);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      const { eye, matrix } = camera(this.azimuth, this.elevation, this.distance, width / height);
      gl.uniformMatrix4fv(place.camera, false, matrix);
      gl.uniform3fv(place.eye, eye);
      gl.uniform1f(place.extent, this.scene.extent);
      this.layers.forEach((layer, number) => {
        if (this.switches[number].checked) this.drawLayer(layer, this.scene.layers[number], height);
      });
      this.figure.querySelectorAll("[data-ramp]").forEach((legend) => {
        legend.hidden = legend.dataset.ramp !== this.colours.value;
      });
      const picture = this.canvas.getContext("2d");
      picture.clearRect(0, 0, width, height);
      picture.drawImage(glCanvas, 0, 0);
      if (this.naming?.checked) this.drawNames(picture, eye, matrix, scale);
    }

    drawNames(picture, eye, matrix, scale) {    // those that look to the eye
      const style = getComputedStyle(this.canvas);
      Object.assign(picture, {
        font: `600 ${13 * scale}px system-ui, sans-serif`, textAlign: "center", textBaseline: "middle",
        fillStyle: style.color, strokeStyle: style.backgroundColor, lineWidth: 4 * scale, lineJoin: "round",
      });
      const { width, height } = this.canvas;
      for (const { text, at, outward } of this.scene.names) {
        if (outward[0] * eye[0] + outward[1] * eye[1] + outward[2] * eye[2] < 0.1) continue;
        const [x, y, , w] = [0, 1, 2, 3].map(
          (row) => [0, 1, 2].reduce((sum, k) => sum + matrix[4 * k + row] * at[k], matrix[12 + row]));
        const place = [(x / w + 1) / 2 * width, (1 - y / w) / 2 * height];
        picture.strokeText(text, ...place);
        picture.fillText(text, ...place);
      }
    }

    drawLayer(layer, { colour }, height) {
      const value = layer.values[this.colours.value];
      const attribute = (name, buffer, size, type) => {
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.enableVertexAttribArray(place[name]);
        gl.vertexAttribPointer(place[name], size, type, true, 0, 0);
      };
      attribute("position", layer.positions, 3, gl.SHORT);
      attribute("normal", layer.normals, 3, gl.BYTE);
      if (value) attribute("value", value, 1, gl.UNSIGNED_BYTE);
      else gl.disableVertexAttribArray(place.value);
      const tint = this.colours.value === "tint" && layer.tint;
      if (tint) attribute("tint", tint, 3, gl.UNSIGNED_BYTE);
      else gl.disableVertexAttribArray(place.tint);
      gl.uniform1f(place.coloured, value ? 1 : 0);
      gl.uniform1f(place.tinted, tint ? 1 : 0);
      gl.uniform3fv(place.plain, [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16) / 255));
      gl.uniform1f(place.round, layer.faces ? 0 : 1);
      gl.uniform1f(place.size, 1.4 * Math.sqrt(AREA / layer.count) * height / (2 * Math.tan(FIELD_OF_VIEW / 2)));
      if (!layer.faces) return gl.drawArrays(gl.POINTS, 0, layer.count);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, layer.faces);
      gl.drawElements(gl.TRIANGLES, layer.count, gl.UNSIGNED_INT, 0);
    }
  }

  const figures = document.querySelectorAll("figure.scene");
  if (!start()) {
    figures.forEach((figure) => figure.classList.add("without-webgl"));
    return;
  }
  glCanvas.addEventListener("webglcontextlost", (event) => event.preventDefault());   // asks to have it back
  glCanvas.addEventListener("webglcontextrestored", () => {
    start();
    views.forEach((view) => { view.layers = null; view.redraw(); });
  });
  figures.forEach((figure) => views.push(new View(figure)));
})();
