// Package suite says which version of the suite this is. The packages below it wire one function each.
package suite

// Version is the version of the suite, as in the change log. The template writes it into the stack's parameter SUITE_VERSION,
// by which a tool sees whether it fits the stack that it is pointed at.
const Version = "0.2.0"
