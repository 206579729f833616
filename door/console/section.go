package console

import "maps"

// section is one part of the console: where it is, whom it is offered to, and what it
// answers.
type section struct {
	// name is that of its texts and its icon, and path its line in the navigation; none
	// where that is empty.
	name, path string
	// offered reports whether somebody is shown the line: nil is everybody. It permits
	// nothing: whoever asks is decided upon.
	offered func(*visit) bool
	routes  map[string]func(*visit) error // by ServeMux pattern, for those who have logged on
	most    int64                         // bytes of a request's body; bodyMost where 0
}

// sections are in the order of the navigation.
func sections() []section {
	return []section{
		todaySection(), recordingSection(), playerSection(), requestSection(), alertSection(), emergencySection(), accessSection(),
		inventorySection(), policySection(), ledgerSection(), peopleSection(), keySection(), accountSection(), deviceSection(),
	}
}

// texts are the words of every section; none may have another's keys, which a test says.
var texts = []map[string]said{
	frameWords, logonWords, todayWords, recordingWords, playerWords, requestWords, emergencyWords, alertWords, detectorWords, accessWords,
	inventoryWords, policyWords, ledgerWords, actWords, peopleWords, keyWords, accountWords, providerWords, deviceWords,
}

// words are every text of the console by key.
var words = func() map[string]said {
	all := map[string]said{}
	for _, some := range texts {
		maps.Copy(all, some)
	}
	for key, s := range all {
		s.fr = frenchMarks.Replace(s.fr)
		all[key] = s
	}
	return all
}()
