/**
 * The symbols of explicit resource management, where the engine has none yet (Node 20.0, Safari): classes and compiled `using` declarations read them.
 */
for (const name of ["dispose", "asyncDispose"] as const) {
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) });
}
