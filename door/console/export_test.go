package console

// Sought is how a Range is read.
var Sought = sought
