package landing

import (
	"strconv"
	"syscall"
)

// changed is when a file's content or name was last changed, which nobody can set back.
func changed(s *syscall.Stat_t) string {
	return strconv.FormatInt(s.Ctim.Nano(), 16)
}
