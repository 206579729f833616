package console

func recordingSection() section {
	return section{name: "recordings"}
}

var recordingWords = map[string]said{}
