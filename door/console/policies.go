package console

func policySection() section {
	return section{name: "policies"}
}

var policyWords = map[string]said{}
