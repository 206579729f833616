package account

// placed finds input and resource in the file's name.
func (d *document) placed() {}

// said takes the AWS CLI's word for why there is no answer.
func (d *document) said(message string) {
	d.fault("", "%s", short([]byte(message)))
}

// answer takes an answer that is no authorization detail.
func (d *document) answer(v value) {
	d.fault("", "it is no answer of AWS that is known here")
}
