/**
 * The first import of a worker: the query of its address becomes the environment that the library sees.
 */
(globalThis as { TYPETORCH_ENVIRONMENT?: Record<string, string> }).TYPETORCH_ENVIRONMENT = Object.fromEntries(
  new URLSearchParams(location.search),
);
