#!/usr/bin/env bats
load real

@test "node -e" {
    alike node -e '
        const zlib = require("zlib"), child = require("child_process");
        const { Worker } = require("worker_threads");
        const data = Array.from({ length: 20000 }, (_, i) => ({ i, text: "x".repeat(i % 90) }));
        const text = JSON.stringify(data);
        const packed = zlib.deflateSync(text);
        console.log(text.length, packed.length, zlib.inflateSync(packed).toString() === text);
        console.log(child.execSync("echo from a child").toString().trim());
        const worker = new Worker(`
            const { parentPort } = require("worker_threads");
            let sum = 0;
            for (let i = 0; i < 1e6; i++) sum += i % 7;
            parentPort.postMessage({ sum, buffer: new Uint8Array(1000) });`, { eval: true });
        worker.on("message", (m) => console.log(m.sum, m.buffer.length));
        worker.on("exit", (code) => { console.error("worker", code); process.exit(6); });'
    [ "$status" -eq 6 ]
    # Compiled JavaScript has no unwind tables.
    accounted --generated-code
}
