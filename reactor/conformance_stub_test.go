package reactor_test
var lifeCases []conformanceCase
