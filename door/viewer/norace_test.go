//go:build !race

package viewer

const raced = false
