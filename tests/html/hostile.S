/* hostile.S - an executable with names that a page might take for its own. Never run. */
    .file 1 "/src/</script><img src=x onerror=alert(2)>.c"
    .text
    .globl "</script><img src=x onerror=window.hurt=1>"
    .type "</script><img src=x onerror=window.hurt=1>", @function
"</script><img src=x onerror=window.hurt=1>":
    .loc 1 1
    .rept 16
    nop
    .endr
    .size "</script><img src=x onerror=window.hurt=1>", . - "</script><img src=x onerror=window.hurt=1>"
    .globl "__proto__"
    .type "__proto__", @function
"__proto__":
    .rept 16
    nop
    .endr
    .size "__proto__", . - "__proto__"
