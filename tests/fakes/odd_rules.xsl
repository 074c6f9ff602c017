<?xml version="1.0" encoding="UTF-8"?>
<!-- Rules that find nothing, and do to Saxon what the first note of the document says. -->
<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
    xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
    xmlns:f="urn:f" exclude-result-prefixes="#all">
  <xsl:template match="/">
    <xsl:variable name="note" select="string(/*/cbc:Note[1])"/>
    <svrl:schematron-output>
      <xsl:choose>
        <xsl:when test="$note = 'hang'"><xsl:sequence select="f:count(1)"/></xsl:when>
        <xsl:when test="$note = 'eat'"><xsl:value-of select="sort((1 to 1000000000) ! string(.))[1]"/></xsl:when>
        <xsl:when test="$note = 'deep'"><xsl:value-of select="f:deep(1)"/></xsl:when>
        <xsl:when test="starts-with($note, 'message')"><xsl:message select="$note"/></xsl:when>
        <xsl:when test="starts-with($note, 'error')"><xsl:value-of select="xs:decimal($note) + 1"/></xsl:when>
      </xsl:choose>
    </svrl:schematron-output>
  </xsl:template>

  <xsl:function name="f:count">
    <xsl:param name="n"/>
    <xsl:sequence select="if ($n = 0) then 0 else f:count(($n + 1) mod 1000000007 + 1)"/>
  </xsl:function>

  <xsl:function name="f:deep">
    <xsl:param name="n"/>
    <xsl:sequence select="1 + f:deep($n + 1)"/>
  </xsl:function>
</xsl:stylesheet>
